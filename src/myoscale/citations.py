"""The publications behind what runs: models, methods, libraries. Each of them names here what it rests on.

A level says what to cite for its method (`cites`), a bridge or a tissue where it was published (the class attribute `cites`; a bridge of
your own may name a `Citation` of its own). `study.cited` gathers what a study, a solution or a problem has used.
"""

import dataclasses
import importlib.metadata
import re


@dataclasses.dataclass(frozen=True)
class Citation:
    """One publication, with the fields of a BibTeX entry.

    **Arguments:** `key`; `kind`: article, book, …; `author`: "Family, Given and Family, Given and others"; `title`, names in braces;
    `year`; and what there is of the others, `doi` without an address in front of it.
    """

    key: str
    kind: str
    author: str
    title: str
    year: str = ""
    journal: str = ""
    booktitle: str = ""
    publisher: str = ""
    school: str = ""
    volume: str = ""
    number: str = ""
    pages: str = ""
    version: str = ""
    eprint: str = ""
    doi: str = ""
    url: str = ""

    @property
    def text(self) -> str:
        """As in a list of references, in one line."""
        names = self.author.split(" and ")
        others = len(names) > 3 or names[-1] == "others"
        written = f"{_name(names[0])} et al." if others else ", ".join(map(_name, names))
        where = f"in {self.booktitle}" if self.booktitle else self.journal or self.publisher or self.school
        where = where or (f"version {self.version}" if self.version else "")
        volume = self.volume if self.journal else ""
        year = f"({self.year})" if self.year else ""
        where = " ".join(part for part in (where, volume, year) if part)
        pages = self.pages if volume else ""
        link = f"doi:{self.doi}" if self.doi else f"arXiv:{self.eprint}" if self.eprint else self.url
        return ", ".join(_plain(part) for part in (written, self.title, where, pages, link) if part)

    @property
    def bibtex(self) -> str:
        """As a BibTeX entry, in UTF-8."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("key", "kind")}
        fields |= {"archiveprefix": "arXiv"} if self.eprint else {}
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])

    def __str__(self) -> str:
        return self.text


def _name(name: str) -> str:
    """Initials and family name."""
    family, _, given = name.partition(", ")
    return " ".join([*(f"{part[0]}." for part in given.split()), family])


def _plain(text: str) -> str:
    """Without the marks of TeX."""
    return re.sub(r"[{}\\]", "", text).replace("--", "–")


def software() -> Citation:
    """This software, in the version that runs; as in CITATION.cff."""
    return Citation(
        key="myoscale",
        kind="misc",
        author="{The myoscale developers}",
        title="myoscale: multi-scale muscle models by kinetic theory",
        version=importlib.metadata.version("myoscale"),
    )


# Models and theory

PLUNDER_SIMEON_2020 = Citation(
    key="plunder2020coupled",
    kind="incollection",
    author="Plunder, Steffen and Simeon, Bernd",
    title="Coupled systems of linear differential-algebraic and kinetic equations with application "
    "to the mathematical modelling of muscle tissue",
    booktitle="Progress in Differential-Algebraic Equations II",
    publisher="Springer",
    year="2020",
    doi="10.1007/978-3-030-53905-4_12",
)
PLUNDER_SIMEON_2023 = Citation(
    key="plunder2023mean",
    kind="article",
    author="Plunder, Steffen and Simeon, Bernd",
    title="The mean-field limit for particle systems with uniform full-rank constraints",
    journal="Kinetic and Related Models",
    year="2023",
    doi="10.3934/krm.2023012",
)

HUXLEY_1957 = Citation(
    key="huxley1957muscle",
    kind="article",
    author="Huxley, Andrew F.",
    title="Muscle structure and theories of contraction",
    journal="Progress in Biophysics and Biophysical Chemistry",
    volume="7",
    pages="255--318",
    year="1957",
    doi="10.1016/S0096-4174(18)30128-8",
)
ZAHALAK_1981 = Citation(
    key="zahalak1981distribution",
    kind="article",
    author="Zahalak, George I.",
    title="A distribution-moment approximation for kinetic theories of muscular contraction",
    journal="Mathematical Biosciences",
    volume="55",
    number="1--2",
    pages="89--114",
    year="1981",
    doi="10.1016/0025-5564(81)90014-6",
)
DUKE_1999 = Citation(
    key="duke1999molecular",
    kind="article",
    author="Duke, T. A. J.",
    title="Molecular model of muscle contraction",
    journal="Proceedings of the National Academy of Sciences",
    volume="96",
    number="6",
    pages="2770--2775",
    year="1999",
    doi="10.1073/pnas.96.6.2770",
)

# Methods

PRINCE_DORMAND_1981 = Citation(
    key="prince1981high",
    kind="article",
    author="Prince, P. J. and Dormand, J. R.",
    title="High order embedded {R}unge--{K}utta formulae",
    journal="Journal of Computational and Applied Mathematics",
    volume="7",
    number="1",
    pages="67--75",
    year="1981",
    doi="10.1016/0771-050X(81)90010-3",
)
BOGACKI_SHAMPINE_1990 = Citation(
    key="bogacki1990interpolating",
    kind="article",
    author="Bogacki, P. and Shampine, L. F.",
    title="Interpolating high-order {R}unge--{K}utta formulas",
    journal="Computers \\& Mathematics with Applications",
    volume="20",
    number="3",
    pages="15--24",
    year="1990",
    doi="10.1016/0898-1221(90)90027-H",
)
SURESH_HUYNH_1997 = Citation(
    key="suresh1997accurate",
    kind="article",
    author="Suresh, A. and Huynh, H. T.",
    title="Accurate monotonicity-preserving schemes with {R}unge--{K}utta time stepping",
    journal="Journal of Computational Physics",
    volume="136",
    pages="83--99",
    year="1997",
    doi="10.1006/jcph.1997.5745",
)
MCCORQUODALE_COLELLA_2011 = Citation(
    key="mccorquodale2011high",
    kind="article",
    author="McCorquodale, Peter and Colella, Phillip",
    title="A high-order finite-volume method for conservation laws on locally refined grids",
    journal="Communications in Applied Mathematics and Computational Science",
    volume="6",
    number="1",
    pages="1--25",
    year="2011",
    doi="10.2140/camcos.2011.6.1",
)
GOLUB_WELSCH_1969 = Citation(
    key="golub1969calculation",
    kind="article",
    author="Golub, Gene H. and Welsch, John H.",
    title="Calculation of {G}auss quadrature rules",
    journal="Mathematics of Computation",
    volume="23",
    number="106",
    pages="221--230",
    year="1969",
    doi="10.1090/S0025-5718-69-99647-1",
)
TREFETHEN_2019 = Citation(
    key="trefethen2019approximation",
    kind="book",
    author="Trefethen, Lloyd N.",
    title="Approximation Theory and Approximation Practice, Extended Edition",
    publisher="SIAM",
    year="2019",
    doi="10.1137/1.9781611975949",
)
SOBOL_1967 = Citation(
    key="sobol1967distribution",
    kind="article",
    author="Sobol', I. M.",
    title="On the distribution of points in a cube and the approximate evaluation of integrals",
    journal="USSR Computational Mathematics and Mathematical Physics",
    volume="7",
    number="4",
    pages="86--112",
    year="1967",
    doi="10.1016/0041-5553(67)90144-9",
)
JOE_KUO_2008 = Citation(
    key="joe2008constructing",
    kind="article",
    author="Joe, Stephen and Kuo, Frances Y.",
    title="Constructing {S}obol sequences with better two-dimensional projections",
    journal="SIAM Journal on Scientific Computing",
    volume="30",
    number="5",
    pages="2635--2654",
    year="2008",
    doi="10.1137/070709359",
)
MATOUSEK_1998 = Citation(
    key="matousek1998discrepancy",
    kind="article",
    author="Matoušek, Jiří",
    title="On the {L2}-discrepancy for anchored boxes",
    journal="Journal of Complexity",
    volume="14",
    number="4",
    pages="527--556",
    year="1998",
    doi="10.1006/jcom.1998.0489",
)
ROSENBLATT_1952 = Citation(
    key="rosenblatt1952remarks",
    kind="article",
    author="Rosenblatt, Murray",
    title="Remarks on a multivariate transformation",
    journal="The Annals of Mathematical Statistics",
    volume="23",
    number="3",
    pages="470--472",
    year="1952",
    doi="10.1214/aoms/1177729394",
)
GUCCIONE_1995 = Citation(
    key="guccione1995finite",
    kind="article",
    author="Guccione, Julius M. and Costa, Kevin D. and McCulloch, Andrew D.",
    title="Finite element stress analysis of left ventricular mechanics in the beating dog heart",
    journal="Journal of Biomechanics",
    volume="28",
    number="10",
    pages="1167--1177",
    year="1995",
    doi="10.1016/0021-9290(94)00174-3",
)
FOURNIER_GUILLIN_2015 = Citation(
    key="fournier2015rate",
    kind="article",
    author="Fournier, Nicolas and Guillin, Arnaud",
    title="On the rate of convergence in {Wasserstein} distance of the empirical measure",
    journal="Probability Theory and Related Fields",
    volume="162",
    pages="707--738",
    year="2015",
    doi="10.1007/s00440-014-0583-7",
)
SANTAMBROGIO_2015 = Citation(
    key="santambrogio2015optimal",
    kind="book",
    author="Santambrogio, Filippo",
    title="Optimal Transport for Applied Mathematicians",
    publisher="Birkhäuser",
    year="2015",
    doi="10.1007/978-3-319-20828-2",
)
BONNEEL_2011 = Citation(
    key="bonneel2011displacement",
    kind="article",
    author="Bonneel, Nicolas and van de Panne, Michiel and Paris, Sylvain and Heidrich, Wolfgang",
    title="Displacement interpolation using {L}agrangian mass transport",
    journal="ACM Transactions on Graphics",
    volume="30",
    number="6",
    pages="158:1--158:12",
    year="2011",
    doi="10.1145/2070781.2024192",
)

RATTLE_1983 = Citation(
    key="andersen1983rattle",
    kind="article",
    author="Andersen, Hans C.",
    title="Rattle: a ``velocity'' version of the {S}hake algorithm for molecular dynamics calculations",
    journal="Journal of Computational Physics",
    volume="52",
    number="1",
    pages="24--34",
    year="1983",
    doi="10.1016/0021-9991(83)90014-1",
)
GONZALEZ_1999 = Citation(
    key="gonzalez1999mechanical",
    kind="article",
    author="Gonzalez, O.",
    title="Mechanical systems subject to holonomic constraints: differential--algebraic formulations and conservative integration",
    journal="Physica D: Nonlinear Phenomena",
    volume="132",
    number="1--2",
    pages="165--174",
    year="1999",
    doi="10.1016/S0167-2789(99)00054-8",
)
SUZUKI_1990 = Citation(
    key="suzuki1990fractal",
    kind="article",
    author="Suzuki, Masuo",
    title="Fractal decomposition of exponential operators with applications to many-body theories and {M}onte {C}arlo simulations",
    journal="Physics Letters A",
    volume="146",
    number="6",
    pages="319--323",
    year="1990",
    doi="10.1016/0375-9601(90)90962-N",
)
KAHAN_LI_1997 = Citation(
    key="kahan1997composition",
    kind="article",
    author="Kahan, William and Li, Ren-Cang",
    title="Composition constants for raising the orders of unconventional schemes for ordinary differential equations",
    journal="Mathematics of Computation",
    volume="66",
    number="219",
    pages="1089--1099",
    year="1997",
    doi="10.1090/S0025-5718-97-00873-9",
)
HAIRER_LUBICH_WANNER = Citation(
    key="hairer2006geometric",
    kind="book",
    author="Hairer, Ernst and Lubich, Christian and Wanner, Gerhard",
    title="Geometric Numerical Integration: Structure-Preserving Algorithms for Ordinary Differential Equations",
    publisher="Springer",
    year="2006",
    doi="10.1007/3-540-30666-8",
)

# Libraries

JAX = Citation(
    key="jax2018github",
    kind="misc",
    author="Bradbury, James and Frostig, Roy and Hawkins, Peter and Johnson, Matthew James and Katariya, Yash and "
    "Leary, Chris and Maclaurin, Dougal and Necula, George and Paszke, Adam and VanderPlas, Jake and "
    "Wanderman-Milne, Skye and Zhang, Qiao",
    title="{JAX}: composable transformations of {P}ython+{N}um{P}y programs",
    year="2018",
    url="http://github.com/jax-ml/jax",
)
EQUINOX = Citation(
    key="kidger2021equinox",
    kind="article",
    author="Kidger, Patrick and Garcia, Cristian",
    title="{E}quinox: neural networks in {JAX} via callable {P}y{T}rees and filtered transformations",
    journal="Differentiable Programming workshop at Neural Information Processing Systems 2021",
    year="2021",
    eprint="2111.00254",
)
DIFFRAX = Citation(
    key="kidger2021on",
    kind="phdthesis",
    author="Kidger, Patrick",
    title="On Neural Differential Equations",
    school="University of Oxford",
    year="2021",
    eprint="2202.02435",
)
SCIPY = Citation(
    key="virtanen2020scipy",
    kind="article",
    author="Virtanen, Pauli and Gommers, Ralf and Oliphant, Travis E. and others",
    title="{SciPy} 1.0: fundamental algorithms for scientific computing in {P}ython",
    journal="Nature Methods",
    volume="17",
    pages="261--272",
    year="2020",
    doi="10.1038/s41592-019-0686-2",
)
POT = Citation(
    key="flamary2021pot",
    kind="article",
    author="Flamary, Rémi and Courty, Nicolas and Gramfort, Alexandre and others",
    title="{POT}: {P}ython optimal transport",
    journal="Journal of Machine Learning Research",
    volume="22",
    number="78",
    pages="1--8",
    year="2021",
    url="http://jmlr.org/papers/v22/20-451.html",
)

FOSTER_2020 = Citation(
    key="foster2020optimal",
    kind="article",
    author="Foster, James and Lyons, Terry and Oberhauser, Harald",
    title="An optimal polynomial approximation of {B}rownian motion",
    journal="SIAM Journal on Numerical Analysis",
    volume="58",
    number="3",
    pages="1393--1421",
    year="2020",
    eprint="1904.06998",
)
JELINCIC_2024 = Citation(
    key="jelincic2024single",
    kind="misc",
    author="Jelinčič, Andraž and Foster, James and Kidger, Patrick",
    title="Single-seed generation of {B}rownian paths and integrals for adaptive and high order {SDE} solvers",
    year="2024",
    eprint="2405.06464",
)

SIMO_TARNOW_1992 = Citation(
    key="simo1992discrete",
    kind="article",
    author="Simo, J. C. and Tarnow, N.",
    title="The discrete energy-momentum method. {C}onserving algorithms for nonlinear elastodynamics",
    journal="Zeitschrift für angewandte Mathematik und Physik",
    volume="43",
    pages="757--792",
    year="1992",
    doi="10.1007/BF00913408",
)
GONZALEZ_2000 = Citation(
    key="gonzalez2000exact",
    kind="article",
    author="Gonzalez, O.",
    title="Exact energy and momentum conserving algorithms for general models in nonlinear elasticity",
    journal="Computer Methods in Applied Mechanics and Engineering",
    volume="190",
    pages="1763--1783",
    year="2000",
    doi="10.1016/S0045-7825(00)00189-4",
)
SCIKIT_FEM = Citation(
    key="gustafsson2020scikit",
    kind="article",
    author="Gustafsson, Tom and McBain, G. D.",
    title="scikit-fem: A {P}ython package for finite element assembly",
    journal="Journal of Open Source Software",
    volume="5",
    number="52",
    year="2020",
    doi="10.21105/joss.02369",
)

# What belongs together

BROWNIAN = FOSTER_2020, JELINCIC_2024, DIFFRAX

INTEGRATOR = PRINCE_DORMAND_1981, BOGACKI_SHAMPINE_1990, DIFFRAX
FINITE_ELEMENTS = SIMO_TARNOW_1992, GONZALEZ_2000, SCIKIT_FEM, SCIPY
GAUSS_RULES = GOLUB_WELSCH_1969, SCIPY
SOBOL_POINTS = SOBOL_1967, JOE_KUO_2008, MATOUSEK_1998, SCIPY

REGISTRY = {value.key: value for value in list(globals().values()) if isinstance(value, Citation)}
