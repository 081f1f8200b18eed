//! One product of a matrix on its own, for micro-benchmarks. No part of the interface.

use wkv7_core::{Error, Tensor};

use crate::Path;
use crate::activations::{Activations, stride};
use crate::aligned::Aligned;
use crate::arch::{Isa, With};
use crate::matmul::{Desk, Meanwhile, Product, Then, multiply};
use crate::team::{Shared, Team};
use crate::weights::Matrix;

/// A matrix and the vectors that it is multiplied with.
pub struct Matmul(Box<dyn Run>);

/// [`Matmul`] for some instruction set.
trait Run {
    /// What the tokens get, [`stride`] apart, and how many numbers each gets.
    fn run(&mut self, tokens: usize) -> (&[f32], usize);
}

impl Matmul {
    /// `tensor` on `path`, for the vectors `x` of any number of tokens. `None` where this machine cannot take the path.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn new(
        path: Path,
        tensor: &Tensor,
        x: &[f32],
        exact: bool,
        threads: usize,
    ) -> Result<Option<Self>, Error> {
        path.with(Make { tensor, x, exact, threads }).ok().transpose()
    }

    /// Multiplies with the first `tokens` vectors, quantising them first where the kernels ask for it. Returns what each token
    /// gets, `[rows]`.
    pub fn run(&mut self, tokens: usize) -> impl Iterator<Item = &[f32]> {
        let (outputs, rows) = self.0.run(tokens);
        outputs.chunks(stride(rows)).map(move |of_token| &of_token[..rows])
    }
}

/// A product to be made.
struct Make<'a> {
    tensor: &'a Tensor,
    x: &'a [f32],
    exact: bool,
    threads: usize,
}

impl With for Make<'_> {
    type Out = Result<Matmul, Error>;

    fn with<I: Isa>(self, isa: I) -> Self::Out {
        Ok(Matmul(Box::new(Bench::new(isa, self.tensor, self.x, self.exact, self.threads)?)))
    }
}

struct Bench<I> {
    isa: I,
    team: Team,
    matrix: Matrix,
    x: Vec<f32>, // [tokens, inputs]
    vectors: Activations,
    desks: Vec<Desk>,
    out: Aligned, // [tokens, outputs], `stride` apart
}

impl<I: Isa> Bench<I> {
    fn new(isa: I, tensor: &Tensor, x: &[f32], exact: bool, threads: usize) -> Result<Self, Error> {
        let (team, matrix) = (Team::new(Some(threads))?, Matrix::right(tensor, exact)?);
        let desks = std::iter::repeat_with(Desk::default).take(team.members()).collect();
        let out = Aligned::zeros(x.len() / matrix.inputs() * stride(matrix.outputs()));
        Ok(Self { isa, team, matrix, x: x.to_vec(), vectors: Activations::default(), desks, out })
    }
}

impl<I: Isa> Run for Bench<I> {
    fn run(&mut self, tokens: usize) -> (&[f32], usize) {
        let Self { isa, team, matrix, x, vectors, desks, out } = self;
        let (isa, n, outputs) = (*isa, matrix.inputs(), matrix.outputs());
        vectors.resize(n, tokens, matrix.kind.forms::<I>(), team.members());
        let (vectors, desks) = (vectors.share(), Shared::new(desks));
        let shared = Shared::new(&mut out[..tokens * stride(outputs)]);
        team.run(|member| {
            member.each_group(tokens, vectors.group(), |token| {
                isa.run(
                    #[inline(always)]
                    // SAFETY: each task puts its own group.
                    || unsafe { vectors.put(isa, token, &x[token * n..(token + 1) * n]) },
                );
            });
            // SAFETY: each member takes its own desk.
            let desk = &mut unsafe { desks.part(member.number()..member.number() + 1) }[0];
            // SAFETY: the vectors are in, and the members have met since.
            let input = unsafe { vectors.input() };
            let products = [Product::new(matrix, input, shared, Then::Store).apart()];
            multiply(isa, member, desk, &products, Meanwhile::default());
        });
        (&out[..tokens * stride(outputs)], outputs)
    }
}
