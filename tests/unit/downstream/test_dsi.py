import numpy as np

from semid.downstream.dsi import query_tokens, sampled_queries, words


def test_queries_are_tokens_of_their_words_whatever_case_and_signs():
    tokens = query_tokens(["Aloe-Vera gel", "GEL", "", "gel aloe vera cream"], first=100, buckets=1000, length=3)
    aloe, vera, gel = tokens[0].tolist()
    assert tokens.tolist() == [[aloe, vera, gel], [gel, 0, 0], [0, 0, 0], [gel, aloe, vera]]
    assert len({aloe, vera, gel}) == 3
    assert all(100 <= token < 1100 for token in (aloe, vera, gel))
    many = query_tokens([" ".join(map(str, range(500)))], first=7, buckets=10, length=500)
    assert set(many.flatten().tolist()) == set(range(7, 17))
    assert query_tokens([], 7, 10, 5).shape == query_tokens([""], 7, 10, 5)[:0].shape == (0, 1)


def test_made_queries_are_runs_of_words_of_one_or_two_fields_in_their_order():
    title, brand = "one two three four five", "Acme Corp"
    made = sampled_queries([[title, None, brand, ""]] * 300, 3, np.random.default_rng(0))
    runs = {" ".join(words(text)[a:b]) for text in (title, brand) for a in range(5) for b in range(a + 1, a + 4)} - {""}
    titles = {run for run in runs if run in title}
    brands = {run for run in runs if run in "acme corp"}
    both = {f"{a} {b}" for a in titles for b in brands}
    assert set(made) <= titles | brands | both
    assert titles | brands <= set(made)
    assert set(made) & both
    assert made == sampled_queries([[title, None, brand, ""]] * 300, 3, np.random.default_rng(0))


def test_an_item_without_words_has_an_empty_query():
    assert sampled_queries([[None, "", "--"], ["a"]], 3, np.random.default_rng(0)) == ["", "a"]
