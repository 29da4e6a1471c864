//! The little linear algebra that the stories need, on matrices of at most some tens of rows.

/// The inner product.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Turns the lower half of a symmetric positive matrix into its root, row by row.
pub(super) fn cholesky(a: &mut [f64], n: usize) -> Option<()> {
    for i in 0..n {
        for j in 0..=i {
            let sum = a[i * n + j] - (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum::<f64>();
            if i == j {
                if sum <= 0.0 || !sum.is_finite() {
                    return None;
                }
                a[i * n + i] = sum.sqrt();
            } else {
                a[i * n + j] = sum / a[j * n + j];
            }
        }
    }
    Some(())
}

/// Solves `L x = b` in place.
pub(super) fn forward(lower: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| lower[i * n + k] * b[k]).sum();
        b[i] = (b[i] - sum) / lower[i * n + i];
    }
}

/// The same for at most three unknowns; answers the logarithm of the root's determinant.
pub(super) fn small_cholesky(a: &mut [[f64; 3]; 3], m: usize) -> f64 {
    let mut log_determinant = 0.0;
    for i in 0..m {
        for j in 0..=i {
            let sum = a[i][j] - (0..j).map(|k| a[i][k] * a[j][k]).sum::<f64>();
            a[i][j] = if i == j { sum.max(1e-300).sqrt() } else { sum / a[j][j] };
        }
        log_determinant += a[i][i].ln();
    }
    log_determinant
}

pub(super) fn small_forward(lower: &[[f64; 3]; 3], m: usize, b: [f64; 3]) -> [f64; 3] {
    let mut x = [0.0; 3];
    for i in 0..m {
        x[i] = (b[i] - (0..i).map(|k| lower[i][k] * x[k]).sum::<f64>()) / lower[i][i];
    }
    x
}

/// Solves `L' x = b`.
pub(super) fn small_backward(lower: &[[f64; 3]; 3], m: usize, b: [f64; 3]) -> [f64; 3] {
    let mut x = [0.0; 3];
    for i in (0..m).rev() {
        x[i] = (b[i] - (i + 1..m).map(|k| lower[k][i] * x[k]).sum::<f64>()) / lower[i][i];
    }
    x
}
