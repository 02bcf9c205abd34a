//! What each command says of itself: `--help` as a snapshot (`BLESS=1` writes it), completions, manual, version, wrong usage.

use std::fs;
use std::path::Path;

use crate::support::Sandbox;

/// The names below `Commands:` of a help.
fn commands_of(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    let names = lines
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(ToOwned::to_owned).collect()
}

/// Every command with its help, from the top.
fn helps() -> Vec<(Vec<String>, String)> {
    let sandbox = Sandbox::new();
    let mut todo = vec![Vec::new()];
    let mut found = Vec::new();
    while let Some(path) = todo.pop() {
        let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let run = sandbox.airpack(&args);
        run.ok();
        assert_eq!(run.stderr, "", "{path:?}");
        for name in commands_of(&run.stdout) {
            todo.push(path.iter().cloned().chain([name]).collect());
        }
        found.push((path, run.stdout));
    }
    found.sort();
    found
}

#[test]
fn every_help_is_the_one_that_was_agreed_on() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/help");
    let helps = helps();
    assert!(helps.len() > 30, "{}", helps.len());
    let is_blessing = std::env::var_os("BLESS").is_some();
    if is_blessing {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
    }
    let mut names = Vec::new();
    for (path, help) in helps {
        let name = format!("airpack {}.txt", path.join(" "))
            .replace(" .txt", ".txt")
            .replace(' ', "-");
        if is_blessing {
            fs::write(folder.join(&name), &help).unwrap();
        }
        let agreed = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(agreed == help, "{name} says\n{agreed}\nbut it is\n{help}");
        names.push(name);
    }
    let mut there: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    names.sort();
    assert_eq!(there, names);
}

#[test]
fn completions_are_for_each_shell() {
    let sandbox = Sandbox::new();
    for (shell, expected) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef airpack"),
        ("fish", "complete -c airpack"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let run = sandbox.airpack(&["completions", shell]);
        run.ok();
        assert!(
            run.stdout.contains(expected) && run.stdout.contains("migrate"),
            "{shell}"
        );
    }
    let script = sandbox.airpack(&["completions", "bash"]).ok().stdout.clone();
    sandbox.write("airpack.bash", script);
    let asked = "source ./airpack.bash; COMP_WORDS=(airpack buildpack mi); COMP_CWORD=2; _airpack airpack mi buildpack; echo \"${COMPREPLY[@]}\"";
    let output = sandbox.command("bash").args(["-c", asked]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "migrate");
    sandbox.airpack(&["completions", "tcsh"]).failed(2);
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let sandbox = Sandbox::new();
    let run = sandbox.airpack(&["man", "--out", "man1"]);
    run.ok();
    let count = fs::read_dir(sandbox.join("man1")).unwrap().count();
    assert_eq!(count, helps().len());
    assert!(
        run.stderr.contains(&format!("wrote {count} pages to man1")),
        "{}",
        run.stderr
    );
    let page = fs::read_to_string(sandbox.join("man1/airpack-layout-gc.1")).unwrap();
    assert!(
        page.contains(".TH airpack-layout-gc 1") && page.contains("airpack layout gc out.oci"),
        "{page}"
    );
    assert_eq!(sandbox.airpack(&["man", "layout", "gc"]).ok().stdout, page);
    let run = sandbox.airpack(&["man", "layout", "gx"]);
    run.failed(2);
    assert!(
        run.stderr.contains("`airpack layout` has no command `gx`") && run.stderr.contains("gc"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_version_for_people_and_for_programs() {
    let sandbox = Sandbox::new();
    let version = env!("CARGO_PKG_VERSION");
    let line = format!("airpack {version}\n");
    assert_eq!(sandbox.airpack(&["--version"]).ok().stdout, line);
    let text = sandbox.airpack(&["version"]).ok().stdout.clone();
    assert_eq!(
        text.split_inclusive('\n').collect::<Vec<_>>(),
        [
            &*line,
            &format!("platform: linux/{}\n", arch()),
            "compression engine: 1\n",
            "buildpack APIs: 0.2 to 0.12\n"
        ]
    );
    let json = sandbox.airpack(&["version", "--json"]).ok().stdout.clone();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["version"], version);
    assert_eq!(json["compressionEngine"], 1);
    assert!(json["platform"].as_str().unwrap().starts_with("linux/"));
}

#[test]
fn what_is_mistyped_is_suggested() {
    let sandbox = Sandbox::new();
    for (args, expected) in [
        (&["buildpak"][..], "buildpack"),
        (&["buildpack", "pakage"], "package"),
        (&["layout", "validat"], "validate"),
        (&["inspect", "x", "--platfrom", "y"], "--platform"),
    ] {
        let run = sandbox.airpack(args);
        run.failed(2);
        assert!(
            run.stderr.contains("similar") && run.stderr.contains(expected),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn no_colour_where_nobody_sees_it() {
    let sandbox = Sandbox::new();
    for args in [&["inspect", "not-there"][..], &["--help"], &["buildpak"]] {
        let run = sandbox.airpack(args);
        assert!(!format!("{}{}", run.stdout, run.stderr).contains('\u{1b}'), "{args:?}");
    }
    let run = sandbox.airpack(&["inspect", "not-there", "--color", "always"]);
    assert!(run.stderr.contains('\u{1b}'), "{}", run.stderr);
}

fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
