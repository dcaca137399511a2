from essential_sparsity.api import apply_mask as apply_mask
from essential_sparsity.api import compare_masks as compare_masks
from essential_sparsity.api import compute_masks as compute_masks
from essential_sparsity.checkpoints.checkpoint import Checkpoint as Checkpoint
from essential_sparsity.command.source import open_checkpoint as open_checkpoint
from essential_sparsity.estimators.curve import Curve as Curve
from essential_sparsity.estimators.curve import Scores as Scores
from essential_sparsity.estimators.settings import Settings as Settings
from essential_sparsity.estimators.words import format_certified as format_certified
from essential_sparsity.estimators.words import format_essential as format_essential
from essential_sparsity.masks.mask import Mask as Mask
from essential_sparsity.support.errors import UserError as UserError
from essential_sparsity.tidy.curve import curve_of as curve_of

__version__: str
__all__: tuple[str, ...]
