from semid.downstream.dsi import query_tokens


def test_queries_are_tokens_of_their_words_whatever_case_and_signs():
    tokens = query_tokens(["Aloe-Vera gel", "GEL", "", "gel aloe vera cream"], first=100, buckets=1000, length=3)
    aloe, vera, gel = tokens[0].tolist()
    assert tokens.tolist() == [[aloe, vera, gel], [gel, 0, 0], [0, 0, 0], [gel, aloe, vera]]
    assert len({aloe, vera, gel}) == 3
    assert all(100 <= token < 1100 for token in (aloe, vera, gel))
    many = query_tokens([" ".join(map(str, range(500)))], first=7, buckets=10, length=500)
    assert set(many.flatten().tolist()) == set(range(7, 17))
    assert query_tokens([], 7, 10, 5).shape == query_tokens([""], 7, 10, 5)[:0].shape == (0, 1)
