//! What other tools make of a layout or an archive, by its form alone: the entries of `index.json`, their names, how deep they lead.
//!
//! Told from runs of these tools on layouts of each form, not from their documentation.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::super::descriptor::{Descriptor, media_type};
use super::super::layout::{IndexFile, REF_NAME};
use super::super::locate::is_list;
use super::walk::Shape;
use crate::error::shell_quoted;

/// A tool that reads layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consumer {
    /// `skopeo copy oci:DIR:TAG`, `skopeo inspect`.
    Skopeo,
    /// `umoci unpack --image DIR:TAG`.
    Umoci,
    /// `crane push DIR NAME`.
    CranePush,
    /// `regctl image copy ocidir://DIR:TAG`.
    Regctl,
    /// `oras copy --from-oci-layout DIR:TAG`.
    Oras,
    /// `ctr image import`, of the layout in a tar.
    Containerd,
    /// `docker load`.
    DockerLoad,
    /// The lifecycle's `-layout`.
    Lifecycle,
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skopeo => "skopeo",
            Self::Umoci => "umoci",
            Self::CranePush => "crane push",
            Self::Regctl => "regctl",
            Self::Oras => "oras",
            Self::Containerd => "containerd",
            Self::DockerLoad => "docker load",
            Self::Lifecycle => "lifecycle -layout",
        })
    }
}

const ALL: [Consumer; 8] = [
    Consumer::Skopeo,
    Consumer::Umoci,
    Consumer::CranePush,
    Consumer::Regctl,
    Consumer::Oras,
    Consumer::Containerd,
    Consumer::DockerLoad,
    Consumer::Lifecycle,
];

/// How far a tool gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reads {
    /// It reads the image.
    Yes,
    /// It reads it under conditions.
    Partly,
    /// It does not.
    No,
    /// It wants another form for any image, which `airpack layout export` writes: no fault of the layout.
    Export,
}

/// What one tool makes of an image, or of all in the layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The tool.
    pub consumer: Consumer,
    /// Which image; none where it is the same for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How far it gets.
    pub reads: Reads,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What makes it readable. `NAME` stands for a name of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// What holds the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Folder,
    OciArchive,
    DockerArchive,
}

/// An image in the layout, and its surroundings.
struct Seen<'e> {
    entry: &'e Descriptor,
    shape: &'e Shape,
    form: Form,
    /// Entries of `index.json`, whatever they are.
    count: usize,
    /// Whether `index.json` lists the images of one package without an index in front.
    is_flat: bool,
    is_damaged: bool,
    path: String,
}

/// How far, why, and the way out.
type Said = (Reads, Option<&'static str>, Option<String>);

/// `count` is how many entries the layout has, whatever is looked at.
pub(super) fn verdicts(
    shapes: &[(Descriptor, Shape, String)],
    count: usize,
    form: Form,
    layout: &Path,
) -> Vec<Verdict> {
    let path = shell_quoted(&layout.display().to_string());
    let unnamed_images = shapes.iter().filter(|(entry, ..)| is_unnamed_image(entry)).count();
    let images: Vec<Seen<'_>> = shapes
        .iter()
        .filter(|(entry, shape, _)| (shape.images > 0 || shape.is_damaged) && !is_list(entry))
        .map(|(entry, shape, _)| Seen {
            entry,
            shape,
            form,
            count,
            is_flat: unnamed_images > 1 && is_unnamed_image(entry),
            is_damaged: shape.is_damaged,
            path: path.clone(),
        })
        .collect();
    let mut verdicts = Vec::new();
    for consumer in ALL {
        let all: Vec<Said> = images.iter().map(|image| image.said(consumer)).collect();
        let is_one = all
            .windows(2)
            .all(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1));
        let count = if is_one { 1 } else { all.len() };
        for (image, (reads, reason, command)) in images.iter().zip(all).take(count) {
            verdicts.push(Verdict {
                consumer,
                name: (!is_one).then(|| image.shown_name()),
                reads,
                reason: reason.map(ToOwned::to_owned),
                command,
            });
        }
    }
    verdicts
}

fn is_unnamed_image(entry: &Descriptor) -> bool {
    media_type::is_manifest(&entry.media_type)
        && entry.annotation(REF_NAME).is_none()
        && IndexFile::full_name_of(entry).is_none()
}

impl Seen<'_> {
    fn said(&self, consumer: Consumer) -> Said {
        if self.is_damaged {
            return (Reads::No, Some("it is damaged: see the errors"), None);
        }
        if self.form == Form::DockerArchive {
            return self.of_docker_archive(consumer);
        }
        match consumer {
            Consumer::Skopeo => self.skopeo(),
            Consumer::Umoci => self.umoci(),
            Consumer::CranePush => self.crane(),
            Consumer::Regctl => self.regctl(),
            Consumer::Oras => self.oras(),
            Consumer::Containerd => self.containerd(),
            Consumer::DockerLoad => self.docker(),
            Consumer::Lifecycle => self.lifecycle(),
        }
    }

    fn skopeo(&self) -> Said {
        if self.is_flat {
            return self.no("it lists the images of several platforms without an index in front of them");
        }
        if self.shape.depth > 1 {
            return self.no("an index in an index");
        }
        match (self.entry.annotation(REF_NAME), self.count) {
            (Some(_), _) => YES,
            (None, 1) => (Reads::Yes, Some("without a name: `oci:PATH`"), None),
            (None, _) => self.unnamed(),
        }
    }

    fn umoci(&self) -> Said {
        if self.form == Form::OciArchive {
            return self.no("it reads no archives");
        }
        let help = Some(self.copy_of_child());
        if self.is_flat || self.shape.depth > 1 || self.shape.images > 1 {
            let reason = "it unpacks a single image, and does not choose one for a platform";
            return (Reads::Export, Some(reason), help);
        }
        match self.entry.annotation(REF_NAME) {
            Some(_) => YES,
            None => (Reads::No, Some("it has no tag"), help),
        }
    }

    fn crane(&self) -> Said {
        if self.form == Form::OciArchive {
            return self.no("it reads archives of Docker only");
        }
        if self.is_flat {
            return (
                Reads::Partly,
                Some("with `--index`, as it lists several images without an index in front of them"),
                Some(self.import()),
            );
        }
        if self.shape.depth > 1 {
            return self.no("an index in an index");
        }
        match self.count {
            1 => YES,
            _ => (
                Reads::No,
                Some("it takes layouts with one image"),
                Some(format!("airpack layout copy {} one.oci", self.location())),
            ),
        }
    }

    fn regctl(&self) -> Said {
        match self.entry.annotation(REF_NAME) {
            Some(_) => YES,
            None => self.unnamed(),
        }
    }

    fn oras(&self) -> Said {
        match self.entry.annotation(REF_NAME) {
            Some(name) if name.contains(['/', ':']) => self.no("it takes no full name for a tag"),
            Some(_) => YES,
            None => self.unnamed(),
        }
    }

    fn containerd(&self) -> Said {
        if IndexFile::name_of(self.entry).is_some() {
            return YES;
        }
        let reason = match self.entry.annotation(REF_NAME) {
            Some(_) => "under a name made of the date, as there is no full name",
            None => "without a name",
        };
        (Reads::Partly, Some(reason), Some(self.tag()))
    }

    fn docker(&self) -> Said {
        let command = format!(
            "airpack layout export {} --docker-archive image.tar{}",
            self.location(),
            self.platform()
        );
        let reason = "the store that is not containerd's wants an archive of its own form";
        (Reads::Export, Some(reason), Some(command))
    }

    fn lifecycle(&self) -> Said {
        let is_folder = self.form == Form::Folder;
        if is_folder && self.shape.depth == 0 && self.count == 1 {
            return (
                Reads::Yes,
                Some("where it lies in a tree of names: registry/repository/tag"),
                None,
            );
        }
        let reason = "it wants a layout of one image manifest, in a tree of names";
        if IndexFile::name_of(self.entry).is_none() && self.form != Form::DockerArchive {
            // the place in the tree is made of the full name
            return (Reads::Export, Some(reason), Some(self.tag()));
        }
        let command = format!(
            "airpack layout export {} --lifecycle-tree layout-repo{}",
            self.location(),
            self.platform()
        );
        (Reads::Export, Some(reason), Some(command))
    }

    fn of_docker_archive(&self, consumer: Consumer) -> Said {
        match consumer {
            Consumer::Umoci => self.no("it reads no archives"),
            Consumer::Oras => self.no("it reads layouts only"),
            Consumer::CranePush if self.count > 1 => self.no("it takes archives with one image"),
            Consumer::Lifecycle => self.lifecycle(),
            _ => YES,
        }
    }

    fn no(&self, reason: &'static str) -> Said {
        (Reads::No, Some(reason), Some(self.import()))
    }

    fn unnamed(&self) -> Said {
        if self.is_flat {
            return self.no("it lists the images of several platforms without an index in front of them");
        }
        (Reads::No, Some("it has no tag"), Some(self.tag()))
    }

    fn tag(&self) -> String {
        if self.form == Form::Folder && !self.is_flat {
            return format!("airpack layout tag {} NAME", self.location());
        }
        self.import()
    }

    fn import(&self) -> String {
        let name = match IndexFile::name_of(self.entry) {
            Some(_) => "",
            None => " --name NAME",
        };
        let location = if self.is_flat {
            self.path.clone()
        } else {
            self.location()
        };
        format!("airpack layout import {location} --layout canonical.oci{name}")
    }

    fn copy_of_child(&self) -> String {
        let first = self.shape.first.as_ref();
        let digest = first.map_or_else(|| self.entry.digest.to_string(), |(digest, _)| digest.to_string());
        let name = self
            .entry
            .annotation(REF_NAME)
            .map_or_else(|| "NAME".to_owned(), shell_quoted);
        format!("airpack layout copy {}@{digest} one.oci:{name}", self.path)
    }

    fn location(&self) -> String {
        match self.entry.annotation(REF_NAME) {
            Some(name) => format!("{}:{}", self.path, shell_quoted(name)),
            None => format!("{}@{}", self.path, self.entry.digest),
        }
    }

    fn platform(&self) -> String {
        let first = self.shape.first.as_ref().filter(|_| self.shape.images > 1);
        let platform = first.and_then(|(_, platform)| platform.as_ref());
        platform.map_or_else(String::new, |platform| {
            format!(" --platform {}", shell_quoted(&platform.to_string()))
        })
    }

    fn shown_name(&self) -> String {
        let name = self.entry.annotation(REF_NAME);
        name.map_or_else(|| self.entry.digest.to_string(), ToOwned::to_owned)
    }
}

const YES: Said = (Reads::Yes, None, None);
