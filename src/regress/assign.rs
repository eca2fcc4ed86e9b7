//! The cheapest way to give each of some calls one of others: the assignment problem, solved exactly.

/// The column of each row so that the costs sum up to the least; a row is left out only where there are more rows than
/// columns. `cost` is asked for rows below `rows` and columns below `columns`. Of equally cheap ways always the same.
pub fn assign(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> i64) -> Vec<Option<usize>> {
    let (few, many) = (rows.min(columns), rows.max(columns));
    let turned = rows > columns;
    let mut costs = Vec::with_capacity(few * many);
    for a in 0..few {
        costs.extend((0..many).map(|b| if turned { cost(b, a) } else { cost(a, b) }));
    }
    let found = solve(few, many, &costs);
    if !turned {
        return found.into_iter().map(Some).collect();
    }
    let mut out = vec![None; rows];
    for (column, row) in found.into_iter().enumerate() {
        out[row] = Some(column);
    }
    out
}

/// The column of each row, `rows` being at most `columns`; `costs` row by row. Shortest augmenting paths with
/// potentials: at most `rows * rows * columns` steps.
fn solve(rows: usize, columns: usize, costs: &[i64]) -> Vec<usize> {
    // Index 0 stands for "none yet" in all lists; rows and columns count from 1.
    let (mut of_row, mut of_column) = (vec![0_i64; rows + 1], vec![0_i64; columns + 1]);
    let mut taken = vec![0_usize; columns + 1];
    let (mut nearest, mut from) = (vec![i64::MAX; columns + 1], vec![0_usize; columns + 1]);
    let mut seen = vec![false; columns + 1];
    for row in 1..=rows {
        taken[0] = row;
        let mut column = 0;
        nearest.fill(i64::MAX);
        seen.fill(false);
        while taken[column] != 0 {
            seen[column] = true;
            let here = taken[column];
            let line = &costs[(here - 1) * columns..here * columns];
            let (mut least, mut next) = (i64::MAX, 0);
            for other in 1..=columns {
                if seen[other] {
                    continue;
                }
                let reduced = line[other - 1] - of_row[here] - of_column[other];
                if reduced < nearest[other] {
                    nearest[other] = reduced;
                    from[other] = column;
                }
                if nearest[other] < least {
                    least = nearest[other];
                    next = other;
                }
            }
            for other in 0..=columns {
                if seen[other] {
                    of_row[taken[other]] += least;
                    of_column[other] -= least;
                } else if nearest[other] != i64::MAX {
                    nearest[other] -= least;
                }
            }
            column = next;
        }
        while column != 0 {
            taken[column] = taken[from[column]];
            column = from[column];
        }
    }
    let mut out = vec![0; rows];
    for column in (1..=columns).filter(|column| taken[*column] != 0) {
        out[taken[column] - 1] = column - 1;
    }
    out
}
