//! Who does which outputs of the products of a phase.

use std::ops::Range;

use super::ahead::{Ahead, Meanwhile};
use super::kind::Kind;
use super::product::{Desk, Product};
use super::units::STRIP;
use crate::arch::{Isa, PANEL};
use crate::team::Member;
use crate::weights::Matrix;

impl<'a> Product<'a> {
    /// The outputs of member `number` of `members` where few tokens share the work out: one piece for each, which most
    /// kernels read in several places ([`side_by_side`](super::streams::side_by_side)). Handed out in small tasks,
    /// neighbouring rows go to different cores, whose prefetchers fetch what the other reads: with tasks of 32 KB, decoding
    /// took half as long again.
    fn share<I: Isa>(&self, number: usize, members: usize) -> Range<usize> {
        let unit = match self.matrix.kind {
            _ if self.units::<I>().is_some() => STRIP,
            kind if kind.parts::<I>() > 0 => PANEL,
            _ => 1,
        };
        let units = self.matrix.outputs().div_ceil(unit);
        let at = |number: usize| (units * number / members * unit).min(self.matrix.outputs());
        at(number)..at(number + 1)
    }

    fn tasks<I: Isa>(&self, members: usize) -> usize {
        self.matrix.outputs().div_ceil(task_outputs::<I>(self.matrix, members))
    }

    fn outputs_of_task<I: Isa>(&self, task: usize, members: usize) -> Range<usize> {
        outputs_of_task::<I>(self.matrix, task, members)
    }

    /// The bytes that a task reads, where they lie in one piece.
    fn bytes_of_task<I: Isa>(&self, task: usize, members: usize) -> &'a [u8] {
        if self.units::<I>().is_some() {
            &[]
        } else {
            self.matrix.rows(self.outputs_of_task::<I>(task, members))
        }
    }
}

/// Outputs of one task of many tokens.
fn task_outputs<I: Isa>(matrix: &Matrix, members: usize) -> usize {
    if matrix.kind.parts::<I>() > 0 {
        // Two panels at a time. The tokens' parts take more room than the rows, and are read once for each task: few tasks.
        let pair_bytes = matrix.inputs() * PANEL * 4;
        let most = (matrix.outputs() / (4 * PANEL * members)).max(1);
        return (I::TASK_BYTES / 2 / pair_bytes).clamp(1, most) * 2 * PANEL;
    }
    let (panel_bytes, least) = match matrix.kind {
        Kind::Block(_) | Kind::SuperBlock(_) => (matrix.inputs() * PANEL * 2, 1),
        kind if kind.is_paired::<I>() => (matrix.inputs() * PANEL * 2, I::PANELS),
        _ => (matrix.inputs() * PANEL * 4, I::PANELS),
    };
    // Enough tasks for everyone come first, shared panels second.
    let most = (matrix.outputs() / (4 * PANEL * members)).max(least);
    (I::TASK_BYTES / panel_bytes).clamp(least, most) / least * least * PANEL
}

/// The outputs of a task of many tokens.
pub(super) fn outputs_of_task<I: Isa>(matrix: &Matrix, task: usize, members: usize) -> Range<usize> {
    let outputs = task_outputs::<I>(matrix, members);
    let first = (task * outputs).min(matrix.outputs());
    first..(first + outputs).min(matrix.outputs())
}

/// Does `products`, none of which reads what another writes, in one phase. Members ask for what is next before they are done,
/// or while they wait, and beside tasks of many tokens for what is coming, where the machine gains from that.
pub(crate) fn multiply<I: Isa>(
    isa: I,
    member: &Member<'_>,
    desk: &mut Desk,
    products: &[Product<'_>],
    Meanwhile { mut next, coming }: Meanwhile<'_, '_>,
) {
    if products.iter().all(Product::is_few::<I>) {
        for product in products {
            product.run(isa, product.share::<I>(member.number(), member.members()), desk);
        }
        return member.meet(|| (), || next.ask(isa));
    }
    // Where tiles multiply, the nearest cache has less to do, whoever made the processor.
    let mut coming = coming.filter(|_| I::TILED || isa.reading().states);
    let members = member.members();
    let tasks = products.iter().map(|product| product.tasks::<I>(members)).sum();
    // The product of a task, and which of its tasks that is.
    let find = |mut task: usize| {
        for product in products {
            let own = product.tasks::<I>(members);
            if task < own {
                return Some((product, task));
            }
            task -= own;
        }
        None
    };
    let rows_after = next.rows();
    let each = |task| {
        if let Some((product, own)) = find(task) {
            let rows = find(task + members)
                .map_or(rows_after, |(product, task)| product.bytes_of_task::<I>(task, members));
            let outputs = product.outputs_of_task::<I>(own, members);
            let mut ahead = Ahead { rows, states: &[] };
            if !product.is_few::<I>()
                && let Some(coming) = &mut coming
            {
                ahead.states = coming(outputs.len() * product.matrix.inputs());
            }
            Product { ahead, ..*product }.run(isa, outputs, desk);
        }
    };
    member.each_in_turn(tasks, each, || next.ask(isa));
}
