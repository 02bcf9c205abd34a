//! What has moved in a sequence: all that is not in its longest part that still stands in order.

/// The indexes of those that are out of order, ascending. `positions` are where the items stand now, each once.
#[must_use]
pub(super) fn out_of_order(positions: &[usize]) -> Vec<usize> {
    // for each length, the item that ends the best run of it; and the item before each
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(positions.len());
    for (at, position) in positions.iter().enumerate() {
        let length = ends.partition_point(|&end| positions[end] < *position);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() {
            ends.push(at);
        } else {
            ends[length] = at;
        }
    }
    let mut is_in_order = vec![false; positions.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        is_in_order[at] = true;
        next = before[at];
    }
    (0..positions.len()).filter(|&at| !is_in_order[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_moved_is_told() {
        let check = |positions: &[usize], expected: &[usize]| assert_eq!(out_of_order(positions), expected);
        check(&[], &[]);
        check(&[0, 1, 5, 9], &[]);
        check(&[3, 0, 1, 2], &[0]);
        check(&[0, 2, 3, 1], &[3]);
        check(&[2, 1, 0], &[0, 1]);
    }
}
