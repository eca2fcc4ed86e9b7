//! Calls of two runs paired one to one, when their ids say nothing about each other.

use crate::regress::assign::assign;
use crate::regress::features::Features;
use similar::{Algorithm, DiffOp};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// One call of either side, or one of both; positions from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    pub baseline: Option<usize>,
    pub candidate: Option<usize>,
    /// Whether it stands, among the pairs, where the baseline had it.
    pub in_order: bool,
}

/// Most comparisons of one call with another. Beyond that pairing stops looking for the best and takes what comes first.
const CELLS: usize = 4_000_000;
/// Likewise for calls of one tool, where the best takes more work.
const SQUARE: usize = 1_000_000;

/// Most comparisons before similar texts are only sketched while pairing; the verdict compares them in full.
const PATIENT: usize = 10_000;

/// Pairs every call exactly once, calls of one tool only. With `ordered`, first as many equal calls as can be in the
/// same order; what is left (everything, without it) so that as many as possible are equal, the others differ in as few
/// places as possible, and stand as near as possible. In the order of the baseline, what only the candidate has behind
/// its predecessor.
pub fn align(left: &[Features<'_>], right: &[Features<'_>], ordered: bool) -> Vec<Pair> {
    let mut pairs = if ordered { in_order(left, right) } else { Vec::new() };
    let anchors = pairs.len();
    let (mut a, mut b) = (vec![true; left.len()], vec![true; right.len()]);
    for &(x, y) in &pairs {
        (a[x], b[y]) = (false, false);
    }
    let mut groups: BTreeMap<u32, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for at in (0..left.len()).filter(|&at| a[at]) {
        groups.entry(left[at].tool).or_default().0.push(at);
    }
    for at in (0..right.len()).filter(|&at| b[at]) {
        groups.entry(right[at].tool).or_default().1.push(at);
    }
    for (mine, theirs) in groups.values() {
        pairs.extend(within_tool(left, right, mine, theirs));
    }
    let kept = steady(&pairs, anchors);
    let mut out: Vec<Pair> = pairs
        .iter()
        .zip(kept)
        .map(|(&(x, y), in_order)| Pair { baseline: Some(x), candidate: Some(y), in_order })
        .collect();
    for &(x, y) in &pairs {
        (a[x], b[y]) = (false, false);
    }
    let alone = |baseline, candidate| Pair { baseline, candidate, in_order: true };
    out.extend((0..left.len()).filter(|&at| a[at]).map(|at| alone(Some(at), None)));
    out.extend((0..right.len()).filter(|&at| b[at]).map(|at| alone(None, Some(at))));
    out.sort_by_key(|pair| (pair.baseline.or(pair.candidate), pair.baseline.is_none()));
    out
}

/// The most equal calls in the same order; of several ways one with the most equal status.
fn in_order(left: &[Features<'_>], right: &[Features<'_>]) -> Vec<(usize, usize)> {
    let same = |(a, b): (&Features<'_>, &Features<'_>)| a.identical(b);
    let start = left.iter().zip(right).take_while(|pair| same(*pair)).count();
    let (rest, others) = (&left[start..], &right[start..]);
    let end = rest.iter().rev().zip(others.iter().rev()).take_while(|pair| same(*pair)).count();
    let (middle, others) = (&rest[..rest.len() - end], &others[..others.len() - end]);
    let mut pairs: Vec<(usize, usize)> = (0..start).map(|at| (at, at)).collect();
    let found = if middle.len().saturating_mul(others.len()) > CELLS {
        roughly(middle, others)
    } else {
        exactly(middle, others)
    };
    pairs.extend(found.into_iter().map(|(x, y)| (start + x, start + y)));
    pairs.extend((0..end).map(|at| (left.len() - end + at, right.len() - end + at)));
    pairs
}

/// A longest common subsequence.
fn exactly(left: &[Features<'_>], right: &[Features<'_>]) -> Vec<(usize, usize)> {
    const EQUAL: u32 = 1 << 14;
    let width = right.len() + 1;
    let rough = left.len() * right.len() > PATIENT;
    let (mut worth, mut best) = (vec![0_u32; left.len() * right.len()], vec![0_u32; (left.len() + 1) * width]);
    // From the back, so that the way forward takes the earliest of equal choices.
    for x in (0..left.len()).rev() {
        for y in (0..right.len()).rev() {
            let (a, b) = (&left[x], &right[y]);
            // Values that are links may be so by chance: what is literally the same comes first.
            let closer = 4 * u32::from(a.literal(b)) + 2 * u32::from(a.status == b.status) + u32::from(a.identical(b));
            let pair = if a.equal(b, rough) { EQUAL + closer } else { 0 };
            worth[x * right.len() + y] = pair;
            let skip = best[(x + 1) * width + y].max(best[x * width + y + 1]);
            let take = if pair > 0 { pair + best[(x + 1) * width + y + 1] } else { 0 };
            best[x * width + y] = skip.max(take);
        }
    }
    let (mut pairs, mut x, mut y) = (Vec::new(), 0, 0);
    while x < left.len() && y < right.len() {
        let (pair, here) = (worth[x * right.len() + y], best[x * width + y]);
        if pair > 0 && here == pair + best[(x + 1) * width + y + 1] {
            pairs.push((x, y));
            (x, y) = (x + 1, y + 1);
        } else if here == best[(x + 1) * width + y] {
            x += 1;
        } else {
            y += 1;
        }
    }
    pairs
}

fn roughly(left: &[Features<'_>], right: &[Features<'_>]) -> Vec<(usize, usize)> {
    let rough = |calls: &[Features<'_>]| calls.iter().map(Features::rough).collect::<Vec<_>>();
    let mut pairs = Vec::new();
    for op in similar::capture_diff_slices(Algorithm::Myers, &rough(left), &rough(right)) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            pairs.extend((0..len).map(|at| (old_index + at, new_index + at)));
        }
    }
    pairs.retain(|&(x, y)| left[x].equal(&right[y], true));
    pairs
}

/// Pairs the calls of one tool.
fn within_tool(left: &[Features<'_>], right: &[Features<'_>], mine: &[usize], theirs: &[usize]) -> Vec<(usize, usize)> {
    if mine.len().saturating_mul(theirs.len()) > SQUARE {
        return as_they_come(left, right, mine, theirs);
    }
    // At most a thousand pairs: no sum of a lower rank reaches the rank above.
    const FAR: usize = (1 << 11) - 1;
    const MANY: usize = (1 << 8) - 1;
    let rough = mine.len() * theirs.len() > PATIENT;
    let cost = |x: usize, y: usize| {
        let (a, b) = (&left[mine[x]], &right[theirs[y]]);
        let unlike = match a.equal(b, rough) {
            true if a.literal(b) => 0,
            true => 1_i64 << 39,
            false => 1_i64 << 50,
        };
        let distance = a.distance(b).min(MANY) as i64;
        unlike + (distance << 21) + mine[x].abs_diff(theirs[y]).min(FAR) as i64
    };
    let found = assign(mine.len(), theirs.len(), cost).into_iter().enumerate();
    found.filter_map(|(x, y)| Some((mine[x], theirs[y?]))).collect()
}

/// Equal ones in order, then the rest in order.
fn as_they_come(
    left: &[Features<'_>],
    right: &[Features<'_>],
    mine: &[usize],
    theirs: &[usize],
) -> Vec<(usize, usize)> {
    let mut waiting: HashMap<(u32, u32), VecDeque<usize>> = HashMap::new();
    for &y in theirs {
        waiting.entry(right[y].rough()).or_default().push_back(y);
    }
    let (mut pairs, mut rest, mut used) = (Vec::new(), Vec::new(), vec![false; right.len()]);
    for &x in mine {
        let equal = waiting.get_mut(&left[x].rough()).and_then(VecDeque::pop_front);
        match equal.filter(|&y| left[x].equal(&right[y], true)) {
            Some(y) => {
                used[y] = true;
                pairs.push((x, y));
            }
            None => rest.push(x),
        }
    }
    pairs.extend(rest.into_iter().zip(theirs.iter().copied().filter(|&y| !used[y])));
    pairs
}

/// Which pairs keep their order: a longest increasing subsequence, the first `anchors` pairs being in it.
fn steady(pairs: &[(usize, usize)], anchors: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_unstable_by_key(|&at| pairs[at]);
    let height = pairs.iter().map(|pair| pair.1 + 1).max().unwrap_or(0);
    // Per candidate position, the heaviest chain that ends at or before it: its weight and last pair.
    let mut heaviest = vec![(0_usize, usize::MAX); height + 1];
    let mut before = vec![usize::MAX; pairs.len()];
    let mut end = (0, usize::MAX);
    for at in order {
        let weight = if at < anchors { pairs.len() + 1 } else { 1 };
        let (mut chain, mut place) = ((0, usize::MAX), pairs[at].1);
        while place > 0 {
            if heaviest[place].0 > chain.0 {
                chain = heaviest[place];
            }
            place &= place - 1;
        }
        before[at] = chain.1;
        let mine = (chain.0 + weight, at);
        let mut place = pairs[at].1 + 1;
        while place <= height {
            if mine.0 > heaviest[place].0 {
                heaviest[place] = mine;
            }
            place += place & place.wrapping_neg();
        }
        if mine.0 > end.0 {
            end = mine;
        }
    }
    let mut kept = vec![false; pairs.len()];
    let mut at = end.1;
    while at != usize::MAX {
        kept[at] = true;
        at = before[at];
    }
    kept
}
