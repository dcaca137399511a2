"""A claim as data: its statement, its place in the paper, its models, and its test."""

from pydantic import Field, model_validator

from essential_sparsity.claims.check import StudyFacts, Trait
from essential_sparsity.claims.checks import AnyCheck
from essential_sparsity.support.spec import Name, Spec


class PaperSays(Spec):
    """The place in the paper where the claim is made, and the value given there."""

    place: str = Field(description="section or figure")
    value: str = Field(description="as a reader would say it, with its unit")


class Role(Spec):
    """The paper's models and tasks that a claim is about, and others to which it extends."""

    models: tuple[Name, ...] = Field(default=(), description="the paper's, by their catalog names")
    tasks: tuple[Name, ...] = Field(
        default=(), description="the paper's; none where weights or masks alone are looked at"
    )
    like: tuple[Trait, ...] | None = Field(
        default=None,
        description="traits of a study's own models to which the claim extends, on any task; an "
        "empty list for any model",
    )


class ClaimEntry(Spec):
    """A claim of the catalog."""

    statement: str = Field(description="in our own words, of the paper's models")
    own: str | None = Field(
        default=None,
        description="the same of a study's own models; the claim does not extend to them if not "
        "given",
    )
    paper: PaperSays
    roles: dict[Name, Role] = Field(default={}, description="who is spoken of, by the test's roles")
    test: AnyCheck

    @model_validator(mode="after")
    def _roles_fit(self) -> "ClaimEntry":
        wanted = self.test.roles
        if wanted and set(self.roles) != set(wanted):
            raise ValueError(
                f"roles: a test of kind '{self.test.kind}' needs {', '.join(wanted)}; there are "
                f"{', '.join(self.roles) or 'none'}"
            )
        for name, role in self.roles.items():
            if (role.like is None) != (self.own is None):
                raise ValueError(
                    f"roles.{name}.like: belongs to `own`, the statement about own models: state "
                    "both or none"
                )
        return self


class ClaimsSpec(StudyFacts):
    """Everything that a study's verdicts depend on: the claims, and facts about the study."""

    claims: dict[Name, ClaimEntry]
