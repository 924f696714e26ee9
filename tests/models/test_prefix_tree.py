"""The tree of prefixes against the prefixes looked up one by one."""

import numpy as np
import pytest
import torch

from semid.downstream.prefix_tree import NOWHERE, ROOT, PrefixTree
from semid.downstream.vocabulary import Vocabulary

VOCABULARY = Vocabulary((3, 4, 2), duplicates=3, users=5)
SIZES = VOCABULARY.level_sizes
IDS = np.array([[2, 0, 1, 0], [0, 3, 0, 0], [0, 3, 1, 0], [0, 1, 0, 2], [0, 3, 1, 1], [2, 0, 1, 0]], np.int32)
"""Six items; the last has the ID of the first."""
PREFIXES = [(), (0,), (2,), (0, 1), (0, 3), (2, 0), (0, 1, 0), (0, 3, 0), (0, 3, 1), (2, 0, 1)]
PREFIXES += [(0, 1, 0, 2), (0, 3, 0, 0), (0, 3, 1, 0), (0, 3, 1, 1), (2, 0, 1, 0)]
"""By their number: of no code, of one, of two, ..."""


def tree(own: int = 100, seed: int = 0) -> PrefixTree:
    torch.manual_seed(seed)
    made = PrefixTree(IDS, VOCABULARY, 8, own)
    torch.nn.init.normal_(made.bias)
    return made


def test_prefixes_are_numbered_by_depth_and_order():
    paths = [[PREFIXES.index(tuple(row[: depth + 1])) for depth in range(4)] for row in IDS.tolist()]
    assert tree().items[:-1].tolist() == paths
    assert tree().items[-1].tolist() == [ROOT] * 4


@pytest.mark.parametrize("level", range(4))
def test_each_code_leads_to_its_prefix_or_nowhere(level: int):
    """Also from a prefix of another depth and from nowhere, which a beam of the wrong rule may stand on."""
    made, starts = tree(), [n for n, prefix in enumerate(PREFIXES) if len(prefix) == level]
    nodes = torch.tensor([*starts, NOWHERE])[:, None].expand(-1, SIZES[level])
    codes = torch.arange(SIZES[level]).expand(nodes.shape)
    wanted = [(*PREFIXES[node], code) for node in starts for code in range(SIZES[level])]
    found = [PREFIXES.index(prefix) if prefix in PREFIXES else NOWHERE for prefix in wanted]
    assert made.child(nodes, codes, level).flatten().tolist() == found + [NOWHERE] * SIZES[level]


def test_children_follow_their_parents():
    asked = [4, ROOT, 13, 8, NOWHERE, 4]
    edges = tree().edges(torch.tensor(asked))
    found = [[PREFIXES[n] for n in edges.nodes[edges.rows == row].tolist()] for row in range(len(asked))]
    below = [(0, 3, 0), (0, 3, 1)]
    assert found == [below, [(0,), (2,)], [], [(0, 3, 1, 0), (0, 3, 1, 1)], [], below]


def test_siblings_share_all_the_probability():
    """As a softmax of each family alone; large scores do not overflow."""
    made = tree()
    queries, vectors = 100 * torch.randn(4, 8), made.vectors(torch.arange(len(PREFIXES)))
    for level, nodes in enumerate([[ROOT], [1, 2], [4, 5, 4], [8, 6]]):
        edges = made.edges(torch.tensor(nodes))
        told = made.log_probs(edges, queries[: len(nodes)], level)
        for row in range(len(nodes)):
            family = edges.nodes[edges.rows == row]
            alone = torch.log_softmax(vectors[family] @ queries[row] + made.bias[made.own_rows[family]], dim=0)
            torch.testing.assert_close(told[edges.rows == row], alone, rtol=1e-4, atol=1e-3)


def test_the_loss_is_that_of_naming_the_children():
    """An only child costs nothing, and teaches nothing."""
    made, queries = tree(), torch.randn(4, 8, requires_grad=True)
    nodes, children = torch.tensor([4, 3, 4, 5]), torch.tensor([8, 6, 7, 9])
    edges = made.edges(nodes)
    told = made.log_probs(edges, queries, 2)[edges.nodes == children[edges.rows]]
    loss = made.loss(nodes, children, queries, 2)
    assert loss.item() == pytest.approx(-told[[0, 2]].sum().item() / 4)
    assert torch.autograd.grad(loss, queries)[0][[1, 3]].abs().sum() == 0


def test_a_level_of_only_children_takes_part_in_the_gradient():
    """Processes that train together wait for the gradient of every parameter."""
    made, queries = tree(), torch.randn(2, 8, requires_grad=True)
    made.loss(torch.tensor([3, 5]), torch.tensor([6, 9]), queries, 2).backward()
    assert queries.grad is not None
    assert made.own.weight.grad is not None


def test_prefixes_beyond_the_most_share_vectors():
    made = tree(own=6)
    own = made.vectors(torch.arange(len(PREFIXES))) - made.code(made.tokens)
    assert made.own_rows.tolist() == [0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5, 3, 4, 5]
    torch.testing.assert_close(own[3], own[6])
    assert made.own.weight.shape == (6, 8)
    assert len(made.bias) == 6
