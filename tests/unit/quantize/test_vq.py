import numpy as np
import pytest

from semid.config import load_config
from semid.errors import ConfigError
from semid.measure.fit import recipe_of
from semid.quantize.vq import VqCodebook, VqQuantizer

RNG = np.random.default_rng(0)


def test_more_than_one_level_is_refused():
    """By the codebook, by the quantizer, and with the key to change where it comes from the configuration."""
    for make in (lambda: VqQuantizer((4, 4)), lambda: VqCodebook((np.zeros((4, 2), np.float32),) * 2)):
        with pytest.raises(ValueError, match=r"vq has one level, got sizes \(4, 4\): set codebook.sizes"):
            make()
    with pytest.raises(ConfigError, match=r"codebook\.sizes to one number"):
        recipe_of(load_config(None, ["codebook.kind=vq"]).codebook)
