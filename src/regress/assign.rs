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

/// No row, or no column yet.
const NONE: usize = usize::MAX;

/// The column of each row, `rows` being at most `columns`; `costs` row by row. Row after row takes the shortest way to a
/// free column, over columns whose rows can move on; prices of rows and columns keep what is left of a cost from being
/// negative. At most `rows * rows * columns` steps.
fn solve(rows: usize, columns: usize, costs: &[i64]) -> Vec<usize> {
    let (mut row_price, mut column_price) = (vec![0_i64; rows], vec![0_i64; columns]);
    let (mut column_of, mut row_of) = (vec![NONE; rows], vec![NONE; columns]);
    let (mut distance, mut from) = (vec![i64::MAX; columns], vec![NONE; columns]);
    let (mut seen_rows, mut seen_columns, mut remaining) = (Vec::new(), Vec::new(), Vec::new());
    for start in 0..rows {
        distance.fill(i64::MAX);
        seen_rows.clear();
        seen_columns.clear();
        remaining.clear();
        remaining.extend(0..columns);
        let (mut row, mut least) = (start, 0);
        let mut end = loop {
            seen_rows.push(row);
            let line = &costs[row * columns..(row + 1) * columns];
            let base = least - row_price[row];
            let (mut place, mut lowest) = (0, i64::MAX);
            for (at, &column) in remaining.iter().enumerate() {
                let reached = base + line[column] - column_price[column];
                if reached < distance[column] {
                    distance[column] = reached;
                    from[column] = row;
                }
                let nearest = distance[column];
                if nearest < lowest || nearest == lowest && row_of[column] == NONE {
                    (lowest, place) = (nearest, at);
                }
            }
            least = lowest;
            let column = remaining[place];
            if row_of[column] == NONE {
                break column;
            }
            row = row_of[column];
            seen_columns.push(column);
            remaining.swap_remove(place);
        };
        for &row in seen_rows.iter().skip(1) {
            row_price[row] += least - distance[column_of[row]];
        }
        row_price[start] += least;
        for &column in &seen_columns {
            column_price[column] -= least - distance[column];
        }
        while end != NONE {
            let row = from[end];
            row_of[end] = row;
            end = std::mem::replace(&mut column_of[row], end);
        }
    }
    column_of
}
