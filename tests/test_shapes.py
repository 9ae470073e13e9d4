"""Claims about shapes: measures against closed forms, fibres against the exact geometry, files against what was written into them.

The load-bearing test is `test_cells_are_positive_and_named_boundaries_cover_the_outside`: a grid that were cut differently from both
sides of a face, or lost a facet, would have outer facets without a name.
"""

import itertools
import math

import meshio
import numpy as np
import pytest
from skfem import CellBasis, FacetBasis, MeshHex
from skfem.mesh import Mesh

from myoscale.errors import InputError
from myoscale.tissue.shapes import Block, Cylinder, Fusiform, MeshFile, Pennate, Ventricle

KINDS = pytest.mark.parametrize("simplices", [False, True])
TYPES = {(2, False): "MeshQuad1", (2, True): "MeshTri1", (3, False): "MeshHex1", (3, True): "MeshTet1"}
SHAPES = {
    "rectangle": Block((2.0, 1.0), (3, 2)),
    "cuboid": Block((2.0, 1.0, 3.0), (3, 2, 2), fibre=(1.0, 1.0, 0.0)),
    "pennate 2-D": Pennate((3.0, 1.0), 0.3, (3, 2)),
    "pennate 3-D": Pennate((3.0, 1.0, 2.0), 0.3, (3, 2, 2)),
    "coarsest cylinder": Cylinder(3.0, 1.5, (1, 3)),
    "cylinder": Cylinder(3.0, 1.5, (2, 7)),
    "fusiform": Fusiform(10.0, 2.0, 0.5, (6, 4)),
    "coarsest ventricle": Ventricle((1, 4, 1)),
    "ventricle": Ventricle((2, 12, 3)),
    "thin cup": Ventricle((1, 16, 2), endocardium=(20.0, 20.0), epicardium=(21.0, 22.0), base=-3.0),
}


def volume(mesh: Mesh) -> float:
    return float(np.sum(CellBasis(mesh, mesh.elem()).dx))


def area(mesh: Mesh, name: str) -> float:
    return float(np.sum(FacetBasis(mesh, mesh.elem(), facets=name).dx))


def determinants(mesh: Mesh) -> np.ndarray:
    """At 4^d points of each cell, corners among them."""
    d = mesh.p.shape[0]
    X = np.array(list(itertools.product(np.linspace(0, 1, 4), repeat=d))).T
    X = X[:, X.sum(axis=0) <= 1 + 1e-12] if len(mesh.t) == d + 1 else X
    return mesh.mapping().detDF(X)


def reference(mesh: Mesh, points: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """All cells, and in each some reference points, from a fixed seed."""
    E, d = mesh.t.shape[1], mesh.p.shape[0]
    X = np.random.default_rng(0).dirichlet(np.ones(d + 1), (E, points))[..., :d]
    return np.arange(E), X


def places(mesh: Mesh, X: np.ndarray) -> np.ndarray:
    """Their places, from the shape functions of scikit-fem."""
    d, shape = X.shape[2], mesh.elem()
    N = np.stack([shape.lbasis(X.reshape(-1, d).T, i)[0] for i in range(len(mesh.t))])
    return np.einsum("neq,den->eqd", N.reshape(len(N), *X.shape[:2]), mesh.p[:, mesh.t].swapaxes(1, 2))


@KINDS
@pytest.mark.parametrize("name", SHAPES)
def test_cells_are_positive_and_named_boundaries_cover_the_outside(name, simplices):
    shape = SHAPES[name]
    mesh = shape.cut(simplices).mesh
    assert type(mesh).__name__ == TYPES[shape.dim, simplices]
    dets = determinants(mesh)
    assert dets.size and dets.min() > 1e-3 * dets.max()
    assert np.array_equal(np.unique(mesh.t), np.arange(mesh.p.shape[1]))  # no vertex without a cell
    facets = np.concatenate(list(mesh.boundaries.values()))
    assert all(len(facets) for facets in mesh.boundaries.values())
    assert np.array_equal(np.sort(facets), mesh.boundary_facets())  # each exactly once
    assert mesh.subdomains == {}


def test_the_cover_catches_a_cut_that_differs_on_both_sides_of_a_face():
    """scikit-fem's own cut of an o-grid, where cells are not numbered like those of a box, leaves faces open inside."""
    hexes = Cylinder(3.0, 1.5, (2, 4)).cut(False).mesh
    named = sum(map(len, Cylinder(3.0, 1.5, (2, 4)).cut(True).mesh.boundaries.values()))
    assert named == 2 * len(hexes.boundary_facets()) < len(hexes.to_meshtet().boundary_facets())


def test_scikit_fems_own_cube_has_a_negative_determinant():
    """Why our order of vertices is not the one drawn at MeshHex."""
    assert determinants(MeshHex()).max() < 0 < determinants(Block((1, 1, 1), (1, 1, 1)).cut(False).mesh).min()


@KINDS
@pytest.mark.parametrize("name", SHAPES)
def test_fibres_have_unit_length_and_the_shape_asked_for(name, simplices):
    grid = SHAPES[name].cut(simplices)
    cells, X = reference(grid.mesh)
    a0 = grid.fibre(cells[::2], X[::2])
    assert a0.shape == X[::2].shape and a0.size
    assert np.allclose(np.linalg.norm(a0, axis=-1), 1, rtol=0, atol=1e-14)
    assert np.array_equal(a0, grid.fibre(cells, X)[::2])  # a cell's fibres do not depend on which others are asked for


@KINDS
def test_block_measures_and_directions(simplices):
    grid = SHAPES["cuboid"].cut(simplices)
    assert volume(grid.mesh) == pytest.approx(6, rel=1e-14)
    areas = {name: area(grid.mesh, name) for name in grid.mesh.boundaries}
    assert areas == pytest.approx({"x0": 3, "x1": 3, "y0": 6, "y1": 6, "z0": 2, "z1": 2}, rel=1e-13)
    x = grid.mesh.p[:, grid.mesh.facets]  # (d, vertices, F)
    for name, facets in grid.mesh.boundaries.items():
        axis = "xyz".index(name[0])
        assert np.all(x[axis][:, facets] == int(name[1]) * SHAPES["cuboid"].size[axis])
    assert np.allclose(grid.fibre(*reference(grid.mesh)), [math.sqrt(0.5), math.sqrt(0.5), 0], rtol=0, atol=1e-15)
    plane = SHAPES["rectangle"].cut(simplices)
    assert volume(plane.mesh) == pytest.approx(2, rel=1e-14)
    assert np.all(plane.fibre(*reference(plane.mesh)) == [1, 0])


@KINDS
@pytest.mark.parametrize(("size", "cells"), [((3.0, 1.0), (3, 2)), ((3.0, 1.0, 2.0), (3, 2, 2))])
def test_pennate_fibres_run_from_aponeurosis_to_aponeurosis(size, cells, simplices):
    angle = 0.4
    grid = Pennate(size, angle, cells).cut(simplices)
    width = math.prod(size[2:])
    assert volume(grid.mesh) == pytest.approx(size[0] * size[1] * width, rel=1e-13)
    assert area(grid.mesh, "y0") == pytest.approx(size[0] * width, rel=1e-13)
    assert area(grid.mesh, "x0") == pytest.approx(
        size[1] / math.sin(angle) * width, rel=1e-13
    )  # a fibre's length times width
    a0 = grid.fibre(*reference(grid.mesh))
    assert np.allclose(np.arctan2(a0[..., 1], a0[..., 0]), angle, rtol=0, atol=1e-14)
    assert np.all(a0[..., 2:] == 0)
    for end in ("x0", "x1"):  # end faces are parallel to fibres: their edges from y0 to y1 are
        x = grid.mesh.p[:2, np.unique(grid.mesh.facets[:, grid.mesh.boundaries[end]])]
        start = x[0] - x[1] / math.tan(angle)
        assert np.allclose(start, size[0] * int(end[1]), rtol=0, atol=1e-13) and np.ptp(x[1]) == size[1]


def order(errors: list[float]) -> float:
    return math.log2(errors[0] / errors[1])


@KINDS
def test_cylinder_converges_at_second_order(simplices):
    exact = {"volume": math.pi * 1.5**2 * 3, "side": 2 * math.pi * 1.5 * 3, "x0": math.pi * 1.5**2}
    errors = {name: [] for name in exact}
    for across in (8, 16):
        mesh = Cylinder(3.0, 1.5, (1, across)).cut(simplices).mesh
        for name, value in exact.items():
            errors[name].append(value - (volume(mesh) if name == "volume" else area(mesh, name)))
    for name, pair in errors.items():
        assert min(pair) > 0  # chords lie inside
        print(f"cylinder, {name}: errors {pair}, observed order {order(pair):.3f}, expected 2")
        assert order(pair) == pytest.approx(2, abs=0.1)


@KINDS
def test_fusiform_converges_at_second_order(simplices):
    L, R, e = 10.0, 2.0, 0.5
    exact = math.pi * np.trapezoid((e + (R - e) * np.sin(np.pi * (s := np.linspace(0, 1, 4001))) ** 2) ** 2, s) * L
    errors = []
    for n in (1, 2):
        mesh = Fusiform(L, R, e, (8 * n, 8 * n)).cut(simplices).mesh
        errors.append(abs(exact - volume(mesh)))
        r = np.hypot(*mesh.p[1:, np.unique(mesh.facets[:, mesh.boundaries["side"]])])
        assert r.min() == pytest.approx(e, rel=1e-14) and r.max() == pytest.approx(R, rel=1e-14)
    print(f"fusiform, volume: errors {errors}, observed order {order(errors):.3f}, expected 2")
    assert order(errors) == pytest.approx(2, abs=0.15)


def test_fusiform_fibres_are_tangent_to_the_surface_and_to_lines_of_constant_place():
    L, R, e = 10.0, 2.0, 0.5
    grid = Fusiform(L, R, e, (6, 4)).cut(False)
    radius = lambda x: e + (R - e) * np.sin(np.pi * x / L) ** 2
    cells, X = reference(grid.mesh)
    x, a0, h = places(grid.mesh, X), grid.fibre(cells, X), 1e-5
    ahead, behind = x + h * a0, x - h * a0
    kept = [p[..., 1:] / radius(p[..., :1]) for p in (ahead, behind)]
    assert np.allclose(kept[0], kept[1], rtol=0, atol=1e-4 * h)
    assert np.ptp(a0[..., 1]) > 0.5  # and they do turn
    # On the outer surface: normal to the gradient of y² + z² − r(x)², by differences.
    corners = np.broadcast_to(grid.mesh.elem.refdom.p.T, (len(cells), 8, 3)).astype(float)
    x, a0 = places(grid.mesh, corners), grid.fibre(cells, corners)
    outside = np.isclose(np.hypot(x[..., 1], x[..., 2]), radius(x[..., 0]), rtol=1e-12)
    assert 7 * 16 <= outside.sum() < outside.size
    gradient = np.stack(
        [-(radius(x[..., 0] + h) ** 2 - radius(x[..., 0] - h) ** 2) / (2 * h), *2 * x.T[1:].swapaxes(1, 2)], -1
    )
    slant = np.sum(gradient * a0, axis=-1)[outside] / np.linalg.norm(gradient[outside], axis=-1)
    assert abs(slant).max() < 1e-8 < 1e-3 < abs(gradient[outside][:, 0]).max()


def truncated(s: float, l: float, base: float) -> float:
    """Volume of the ellipsoid with half-axes s, s, l below z = base."""
    return math.pi * s**2 * (2 * l / 3 + base - base**3 / (3 * l**2))


@KINDS
def test_ventricle_converges_at_second_order(simplices):
    exact = {
        "volume": truncated(10, 20, 5) - truncated(7, 17, 5),
        "base": math.pi * (10**2 * (1 - 5**2 / 20**2) - 7**2 * (1 - 5**2 / 17**2)),
    }
    u = -np.pi + (np.pi - math.acos(5 / 17)) * np.linspace(0, 1, 4001)
    exact["endocardium"] = np.trapezoid(2 * np.pi * 7 * -np.sin(u) * np.hypot(7 * np.cos(u), 17 * np.sin(u)), u)
    errors = {name: [] for name in exact}
    for n in (1, 2):
        mesh = Ventricle((n, 16 * n, 6 * n)).cut(simplices).mesh
        for name, value in exact.items():
            errors[name].append(abs(value - (volume(mesh) if name == "volume" else area(mesh, name))))
    for name, pair in errors.items():
        print(f"ventricle, {name}: errors {pair}, observed order {order(pair):.3f}, expected 2")
        assert order(pair) == pytest.approx(2, abs=0.15)


@KINDS
def test_ventricle_vertices_lie_on_the_surfaces_of_the_paper(simplices):
    mesh = SHAPES["ventricle"].cut(simplices).mesh
    on = {name: mesh.p[:, np.unique(mesh.facets[:, facets])] for name, facets in mesh.boundaries.items()}
    for name, (s, l) in {"endocardium": (7, 17), "epicardium": (10, 20)}.items():
        x, y, z = on[name]
        assert np.allclose((x**2 + y**2) / s**2 + z**2 / l**2, 1, rtol=0, atol=1e-13)
        assert z.max() == 5 and z.min() > -l - 1e-12
    assert np.all(on["base"][2] == 5)
    apex = Ventricle((2, 8, 2)).cut(simplices).mesh.p  # an even patch has vertices on the axis
    assert {-17.0, -18.5, -20.0} == set(apex[2, np.hypot(apex[0], apex[1]) < 1e-12])


@pytest.mark.parametrize(("t", "degrees"), [(0.0, 90.0), (0.25, 45.0), (0.5, 0.0), (0.75, -45.0), (1.0, -90.0)])
def test_ventricle_fibre_angles(t, degrees):
    """Against tangents of the surface by differences, at points made from (t, u, v) as in the paper."""
    u, v = np.meshgrid(np.linspace(-3.0, -1.9, 7), np.linspace(-3.0, 3.0, 8))
    s, l, h = 7 + 3 * t, 17 + 3 * t, 1e-6
    at = lambda u, v: np.stack([s * np.sin(u) * np.cos(v), s * np.sin(u) * np.sin(v), l * np.cos(u)], -1)
    unit = lambda a: a / np.linalg.norm(a, axis=-1, keepdims=True)
    along_u, along_v = unit(at(u + h, v) - at(u - h, v)), unit(at(u, v + h) - at(u, v - h))
    a0 = Ventricle((1, 4, 1)).direction(at(u, v))
    angle = np.degrees(np.arctan2(np.sum(a0 * along_u, -1), np.sum(a0 * along_v, -1)))
    assert angle.shape == (8, 7) and np.allclose(angle, degrees, rtol=0, atol=1e-6)
    assert np.allclose(np.sum(a0 * np.cross(along_u, along_v), -1), 0, atol=1e-9)  # within the surface


def test_ventricle_fibres_of_a_grid_are_those_of_its_places_and_right_handed_inside():
    shape = SHAPES["ventricle"]
    grid = shape.cut(True)
    cells, X = reference(grid.mesh)
    x, a0 = places(grid.mesh, X), grid.fibre(cells, X)
    assert np.allclose(a0, shape.direction(x), rtol=0, atol=1e-12)
    t = shape.depth(x)
    s, l = 7 + 3 * t, 17 + 3 * t
    assert np.allclose((x[..., 0] ** 2 + x[..., 1] ** 2) / s**2 + x[..., 2] ** 2 / l**2, 1, rtol=0, atol=1e-12)
    # As in the heart: climbing towards the base while turning counterclockwise seen from it inside, falling outside.
    turning = x[..., 0] * a0[..., 1] - x[..., 1] * a0[..., 0]
    inner, outer = (0.1 < t) & (t < 0.4), (0.6 < t) & (t < 0.9)
    assert inner.sum() > 20 and np.all((turning * a0[..., 2])[inner] > 0)
    assert outer.sum() > 20 and np.all((turning * a0[..., 2])[outer] < 0)


def test_shapes_compare_and_hash_by_value():
    one, same, other = Block([1, 1], [2, 2]), Block(np.ones(2), (2.0, 2.0)), Block((1, 1), (2, 3))
    assert one == same and hash(one) == hash(same) and one != other
    assert all(isinstance(hash(shape), int) for shape in SHAPES.values())


# Files

POINTS = np.array([[9, 9], [0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]], float)  # the first belongs to no cell
QUADS = np.array([[1, 2, 5, 4], [6, 3, 2, 5]])  # the second runs clockwise
LINES = np.array([[1, 2], [3, 2], [4, 1], [3, 6], [4, 5], [5, 6], [2, 5]])
NAMES = {"bottom": [1, 1], "ends": [2, 1], "top": [3, 1], "between": [4, 1], "left": [1, 2], "right": [2, 2]}


def written(
    path, points=POINTS, cells=QUADS, kind="quad", lines=LINES, names=NAMES, fibre=None, fmt="gmsh22", extra=()
):
    """A file of `lines` in four groups and of one group for each cell; with fibres in gmsh's format 4.1, one block for each entity."""
    groups = np.array([1, 1, 2, 2, 3, 3, 4])[: len(lines)]
    blocks = [("line", lines[groups == g], g) for g in np.unique(groups)]
    blocks += [(kind, cells[i : i + 1], i + 1) for i in range(len(cells))] + [(*e, 9) for e in extra]
    tags = [np.full(len(data), tag) for _, data, tag in blocks]
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    points = np.column_stack([points, np.zeros((len(points), 3 - points.shape[1]))])
    point_data = {}
    if fibre is not None:
        of_lines = [np.zeros((len(d), *np.shape(fibre)[1:])) for t, d, _ in blocks if t == "line"]
        data["fibre"] = of_lines + [np.asarray(row, float)[None] for row in fibre]
        entities = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [2, 2]]  # meshio writes those that have a point
        point_data, fmt = {"gmsh:dim_tags": np.array(entities)}, "gmsh"
    named = {name: np.array(value) for name, value in names.items()}
    cells_ = [(t, d) for t, d, _ in blocks]
    meshio.Mesh(points, cells_, point_data=point_data, cell_data=data, field_data=named).write(path, file_format=fmt)
    return str(path)


def test_a_file_comes_back(tmp_path):
    path = written(tmp_path / "a.msh", fibre=[[2, 0, 0], [0, -3, 0]])
    shape = MeshFile(path, scale=2.0)
    grid = shape.cut(False)
    mesh = grid.mesh
    assert shape.dim == 2 and mesh.t.shape == (4, 2) and mesh.p.shape == (2, 6)
    assert determinants(mesh).min() > 0 and volume(mesh) == pytest.approx(8, rel=1e-14)
    areas = {name: area(mesh, name) for name in mesh.boundaries}
    assert areas == pytest.approx({"bottom": 4, "ends": 4, "top": 4, "between": 2}, rel=1e-14)
    x = mesh.p[:, mesh.facets]
    assert np.all(x[1][:, mesh.boundaries["bottom"]] == 0) and np.all(x[1][:, mesh.boundaries["top"]] == 2)
    assert np.all(x[0][:, mesh.boundaries["between"]] == 2) and len(mesh.boundaries["between"]) == 1  # inside
    assert {name: cells.tolist() for name, cells in mesh.subdomains.items()} == {"left": [0], "right": [1]}
    a0 = grid.fibre(np.array([1, 0]), np.full((2, 3, 2), 0.5))
    assert np.array_equal(a0, np.broadcast_to([[[0, -1]], [[1, 0]]], (2, 3, 2)))
    assert np.all(MeshFile(path, fibre=(0, 5)).cut(False).fibre(np.array([0]), np.full((1, 1, 2), 0.5)) == [0, 1])


@KINDS
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_shape_survives_a_file(tmp_path, simplices, mirrored):
    """Through meshio's cell sets, in a format that is not gmsh's; in a mirror, so that all cells must be turned."""
    mesh = Fusiform(4.0, 1.0, 0.5, (2, 4)).cut(simplices).mesh
    kind, facet = ("tetra", "triangle") if simplices else ("hexahedron", "quad")
    # By geometry, not by the package's table: scikit-fem's corners in the order of VTK.
    vtk = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]
    corners = mesh.elem.doflocs.tolist()
    cells = mesh.t.T if simplices else mesh.t[[corners.index(corner) for corner in vtk]].T
    sets = {name: [np.array([], int), facets] for name, facets in mesh.boundaries.items()}
    points = mesh.p.T * ([-1, 1, 1] if mirrored else [1, 1, 1])
    path = tmp_path / "b.inp"
    meshio.Mesh(points, [(kind, cells), (facet, mesh.facets.T)], cell_sets=sets).write(path)
    back = MeshFile(path, fibre=(1, 0, 0)).cut(simplices).mesh
    assert determinants(back).min() > 0 and volume(back) == pytest.approx(volume(mesh), rel=1e-13)
    assert back.boundaries.keys() == mesh.boundaries.keys()
    for name in mesh.boundaries:
        assert area(back, name) == pytest.approx(area(mesh, name), rel=1e-13)
    assert np.array_equal(np.sort(np.concatenate(list(back.boundaries.values()))), back.boundary_facets())


def test_gmsh_41_tetrahedra(tmp_path):
    """Written by hand, since meshio writes no names of groups in this format without entities."""
    path = tmp_path / "c.msh"
    path.write_text(
        "$MeshFormat\n4.1 0 8\n$EndMeshFormat\n$PhysicalNames\n2\n2 7 \"floor\"\n3 1 \"muscle\"\n$EndPhysicalNames\n"
        "$Entities\n0 0 1 1\n5 0 0 0 1 1 0 1 7 0\n6 0 0 0 1 1 1 1 1 1 5\n$EndEntities\n"
        "$Nodes\n1 4 1 4\n3 6 0 4\n1\n2\n3\n4\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n$EndNodes\n"
        "$Elements\n2 2 1 2\n2 5 2 1\n1 1 3 2\n3 6 4 1\n2 1 2 4 3\n$EndElements\n"
    )  # fmt: skip
    mesh = MeshFile(path, fibre=(0, 0, 1)).cut(True).mesh
    assert volume(mesh) == pytest.approx(1 / 6, rel=1e-14) and determinants(mesh).min() > 0
    assert list(mesh.boundaries) == ["floor"] and area(mesh, "floor") == pytest.approx(0.5, rel=1e-14)
    assert {name: cells.tolist() for name, cells in mesh.subdomains.items()} == {"muscle": [0]}


TRIANGLES = [("triangle", np.array([[1, 2, 5]]))]
FOLDED = POINTS.copy()
FOLDED[5] = [-0.5, -0.5]
BAD_FILES = {
    "several kinds": (dict(extra=TRIANGLES), "one of: triangle, quad. Received quad, triangle: mesh it anew"),
    "second order": (dict(kind="quad8", cells=np.array([[1, 2, 3, 4, 5, 6, 0, 1]])), "Received quad8: mesh it anew"),
    "no names": (dict(names={}), "expected named groups of lines on the boundary in .* Received none: name them"),
    "names of cells only": (dict(names={"all": [1, 2]}), "expected named groups of lines"),
    "no fibres": (dict(), "expected 2 numbers for each cell as cell data 'fibre' in .* Received none: write them"),
    "scalar fibres": (dict(fibre=[1, 2]), "expected 2 numbers for each cell"),
    "fibres out of the plane": (dict(fibre=[[1, 0, 1], [1, 0, 0]]), "expected 2 numbers for each cell"),
    "zero fibre": (
        dict(fibre=[[1, 0, 0], [0, 0, 0]]),
        r"Received \[0.0, 0.0\] for quad 1 \(of 0 to 1\): give it a length",
    ),
    "not a number": (dict(fibre=[[np.nan, 0, 0], [1, 0, 0]]), r"Received \[nan, 0.0\] for quad 0"),
    "a line across": (dict(lines=np.array([[1, 5], [1, 2]])), "group 'bottom' in .* to consist of its cells' facets"),
    "a line elsewhere": (dict(lines=np.array([[1, 0], [1, 2]])), "group 'bottom' in .* to lie on its cells"),
    "folded": (dict(points=FOLDED), "cells that are not folded in .* Received quad 0 with a Jacobian"),
    "twice": (dict(cells=np.array([[1, 2, 5, 4], [2, 5, 4, 1]]), lines=np.array([[1, 2]])), "expected each cell once"),
    "a surface in space": (dict(points=np.column_stack([POINTS, POINTS[:, 0]])), "expected quads in the plane z = 0"),
    "infinite": (dict(points=np.where(POINTS == 2, np.nan, POINTS)), "expected finite coordinates"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_wrong_in_a_file_is_said(tmp_path, name):
    changes, sentence = BAD_FILES[name]
    path = written(tmp_path / "bad.msh", **changes)
    with pytest.raises(InputError, match=sentence) as caught:
        MeshFile(path).cut(False)
    assert path in str(caught.value) and str(caught.value).startswith("MeshFile expected")


def test_a_file_of_the_other_kind_missing_or_damaged(tmp_path, capfd):
    path = written(tmp_path / "a.msh")
    with pytest.raises(
        InputError, match=r"expected triangles or tetrahedra in .* Received quads: cut\(simplices=False\)"
    ):
        MeshFile(path, fibre=(1, 0)).cut(True)
    with pytest.raises(InputError, match="expected fibre as 2 finite numbers"):
        MeshFile(path, fibre=(1, 0, 0)).cut(False)
    with pytest.raises(InputError, match=r"expected a file. Received .*none.msh, which is none: check the path"):
        MeshFile(tmp_path / "none.msh")
    for name, text in {"bad.msh": "nonsense", "bad.unknown": "x", "cut.msh": "$MeshFormat\n4.1 0 8\n"}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=f"expected a mesh that meshio reads in .*{name}. Received one it cannot"):
            MeshFile(tmp_path / name).cut(False)
    assert capfd.readouterr() == ("", "")  # meshio's own complaints are part of the sentence


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Block((1, 1, 1, 1), (1, 1, 1, 1)), r"Block expected size of 2 or 3 finite numbers > 0. Received \(1.0,"),
        (lambda: Block((1, -1), (1, 1)), r"Block expected size .* Received \(1.0, -1.0\)"),
        (lambda: Block((1, math.nan), (1, 1)), "Block expected size"),
        (lambda: Block("ab", (1, 1)), "expected a list of numbers, one for each axis. Received 'ab'"),
        (lambda: Block((1, 1), (1, 1, 1)), r"Block expected cells as \(x ≥ 1, y ≥ 1\). Received \(1, 1, 1\)"),
        (lambda: Block((1, 1), (0, 1)), "Block expected cells"),
        (lambda: Block((1, 1), (1.5, 1)), r"expected whole numbers of cells. Received \(1.5, 1\)"),
        (lambda: Block((1, 1), (1, 1), fibre=(0, 0)), "Block expected a direction. Received fibres of zero length"),
        (lambda: Block((1, 1), (1, 1), fibre=(1, 0, 0)), "Block expected fibre as 2 finite numbers"),
        (lambda: Pennate((1, 1), 0.0, (1, 1)), "Pennate expected an angle in radians, 0 < angle < π/2. Received 0.0"),
        (lambda: Pennate((1, 1), 30, (1, 1)), "Received 30.0: use `Block` for fibres along x, math.radians for degrees"),
        (lambda: Pennate((1,), 0.3, (1,)), "Pennate expected size"),
        (lambda: Pennate((1, 1), "steep", (1, 1)), "expected a number. Received 'steep'"),
        (lambda: Cylinder(1, 0, (1, 4)), r"Cylinder expected length and radius .* Received \(1.0, 0.0\)"),
        (lambda: Cylinder(1, 1, (1, 2)), r"Cylinder expected cells as \(axial ≥ 1, across ≥ 3\). Received \(1, 2\)"),
        (lambda: Fusiform(1, 1, 0, (1, 4)), "Fusiform expected length, radius and end_radius of 3 finite numbers > 0"),
        (lambda: Fusiform(1, 1, 1, (1,)), "Fusiform expected cells"),
        (lambda: Ventricle((1, 4, 0)), r"Ventricle expected cells as \(through ≥ 1, around ≥ 4, along ≥ 1\)"),
        (lambda: Ventricle((1, 6, 1)), "Ventricle expected a multiple of 4 cells around. Received 6"),
        (lambda: Ventricle((1, 4, 1), endocardium=(7,)), "Ventricle expected endocardium of 2 finite numbers > 0"),
        (lambda: Ventricle((1, 4, 1), epicardium=(7, 20)), "expected half-axes of the epicardium greater than"),
        (lambda: Ventricle((1, 4, 1), base=17), r"expected a base that cuts the endocardium, \|base\| < 17.0. Received 17.0"),
        (lambda: Ventricle((1, 4, 1), angles=(1,)), "expected two finite angles"),
        (lambda: MeshFile(__file__, scale=0), "MeshFile expected scale of 1 finite numbers > 0"),
        (lambda: MeshFile(__file__, fibre=(0, 0, 0)), "MeshFile expected a direction. Received fibres of zero length"),
    ],
)  # fmt: skip
def test_mistakes_are_said_at_construction(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()
