"""Showers of Geant4 (doi:10.1016/S0168-9002(03)01368-8) by geant4-pybind, where the user has its data.

One run manager exists per process, as Geant4 has it; a chunk is a process.
"""

from __future__ import annotations

import importlib.util
import io
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import ConfigError, MissingFileError
from resonaut.simulate.showers.conditions import Conditions
from resonaut.simulate.showers.geometry import Calorimeter
from resonaut.simulate.showers.spots import LIGHT, Hits

if TYPE_CHECKING:
    from resonaut.simulate.methods.geant4_showers import Settings

MODULE = "geant4_pybind"
NAMES = {"photon": "gamma", "electron": "e-", "pion": "pi+"}
NIST = {
    "tungsten": "G4_W",
    "lead": "G4_Pb",
    "steel": "G4_Fe",
    "copper": "G4_Cu",
    "silicon": "G4_Si",
    "scintillator": "G4_PLASTIC_SC_VINYLTOLUENE",
}
GAP = 1.0
"""Free space around the calorimeter, in which particles start, mm."""
OFF_BORDER = 0.01
"""mm that the impact point is moved by in x and y, lest a particle flies along the border of cells."""


def load() -> ModuleType:
    """Import geant4-pybind.

    Raises:
        ConfigError: it is not installed.
        MissingFileError: it does not find the data sets of Geant4.
    """
    if importlib.util.find_spec(MODULE) is None:
        raise ConfigError(
            "source geant4_showers: the package 'geant4-pybind' is not installed. Install it with "
            "`pip install geant4-pybind`, or take source em_showers or hadronic_showers."
        )
    # It asks on the terminal whether to download gigabytes; without an answer it fails, and a job says why.
    terminal, sys.stdin = sys.stdin, io.StringIO()
    try:
        return importlib.import_module(MODULE)
    except ImportError as error:
        raise MissingFileError(
            f"source geant4_showers: geant4-pybind does not start ({error}); the data sets of Geant4 are not "
            "found. Set GEANT4_DATA_DIR (and G4LEDATA, ...) to their folders, or run `python -c 'import "
            "geant4_pybind'` once and let it download them."
        ) from None
    finally:
        sys.stdin = terminal


class Geant4Source:
    """Particles through boxes of absorber and active material, the deposits of square cells scored.

    Args:
        settings: of the source.
    """

    packages = ("geant4-pybind", "numpy")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.calorimeter = Calorimeter(settings.calorimeter)
        self._geant4 = load()
        self._manager: Any = None

    def generate(
        self, conditions: Conditions, rng: np.random.Generator
    ) -> tuple[Hits, dict[str, np.ndarray]]:
        """Hits of a slice of particles; their time is that of light along the axis, since none is scored."""
        if self._manager is None:
            self._start(int(rng.integers(1, 2**31 - 1)))
        self._gun.conditions, self._gun.next = conditions, 0
        self._scored.clear()
        self._manager.BeamOn(len(conditions))
        counts = [len(cells) for cells, _ in self._scored]
        owner = np.repeat(np.arange(len(counts)), counts)
        cell, deposit = (np.concatenate(values) for values in zip(*self._scored, strict=True))
        order = np.lexsort((cell, owner))
        per_layer = self.calorimeter.n_cells // self.calorimeter.n_layers
        depth = self.calorimeter.active_z[cell // per_layer]
        time = depth * conditions.stretch[owner] / LIGHT
        return Hits(len(conditions), owner[order], cell[order], deposit[order], time[order]), {}

    def _start(self, seed: int) -> None:
        g4, settings = self._geant4, self.settings
        g4.G4Random.getTheEngine().setSeed(seed, 0)
        self._manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
        self._scored: list[tuple[np.ndarray, np.ndarray]] = []
        self._detector = _detector(g4, self.calorimeter)
        if settings.physics.startswith("G4Em"):
            self._physics = g4.G4VModularPhysicsList()
            self._physics.RegisterPhysics(getattr(g4, settings.physics)())
        else:
            self._physics = g4.G4PhysListFactory().GetReferencePhysList(settings.physics)
        self._physics.SetDefaultCutValue(settings.production_cut * g4.mm)
        self._physics.SetVerboseLevel(0)
        self._manager.SetUserInitialization(self._detector)
        self._manager.SetUserInitialization(self._physics)
        # Geant4 refuses a gun before it has its physics.
        self._gun = _gun(g4, settings.particle, self.calorimeter.cell_size)
        self._actions = _actions(g4, self._gun, self._scored)
        self._manager.SetUserInitialization(self._actions)
        for command in ("/process/em/verbose 0", "/process/had/verbose 0", "/process/verbose 0"):
            g4.G4UImanager.GetUIpointer().ApplyCommand(command)
        self._manager.Initialize()


def _detector(g4: ModuleType, calorimeter: Calorimeter) -> Any:
    """The plates: along z, each active one cut into rows and those into cells."""
    settings = calorimeter.settings

    class Detector(g4.G4VUserDetectorConstruction):
        def Construct(self) -> Any:
            size = settings.cell_size
            width, height = settings.columns * size, settings.rows * size
            vacuum = self._volume(
                "world", "G4_Galactic", width + GAP, height + GAP, 2 * calorimeter.depth + GAP
            )
            world = g4.G4PVPlacement(None, g4.G4ThreeVector(), vacuum, "world", None, False, 0)
            self.kept, self.cells, number, z = [vacuum, world], [], 0, 0.0
            for index, group in enumerate(settings.layers):
                absorber = self._volume(
                    f"absorber{index}", NIST[group.absorber], width, height, group.absorber_thickness
                )
                active = self._readout(index, group)
                for _ in range(group.count):
                    for plate, thickness in (
                        (absorber, group.absorber_thickness),
                        (active, group.active_thickness),
                    ):
                        place = g4.G4ThreeVector(0, 0, z + thickness / 2)
                        self.kept.append(
                            g4.G4PVPlacement(None, place, plate, plate.GetName(), vacuum, False, number)
                        )
                        z += thickness
                    number += 1
            return world

        def ConstructSDandField(self) -> None:
            scorer = g4.G4MultiFunctionalDetector("calorimeter")
            g4.G4SDManager.GetSDMpointer().AddNewDetector(scorer)
            deposit = g4.G4PSEnergyDeposit3D(
                "deposit", calorimeter.n_layers, settings.rows, settings.columns, 2, 1, 0
            )
            scorer.RegisterPrimitive(deposit)
            self.kept += [scorer, deposit]
            for cell in self.cells:
                self.SetSensitiveDetector(cell.GetName(), scorer)

        def _readout(self, index: int, group: Any) -> Any:
            size, thickness = settings.cell_size, group.active_thickness
            width, height = settings.columns * size, settings.rows * size
            material = NIST[group.active]
            active = self._volume(f"active{index}", material, width, height, thickness)
            row = self._volume(f"row{index}", material, width, size, thickness)
            cell = self._volume(f"cell{index}", material, size, size, thickness)
            rows = g4.G4PVReplica(row.GetName(), row, active, g4.kYAxis, settings.rows, size)
            columns = g4.G4PVReplica(cell.GetName(), cell, row, g4.kXAxis, settings.columns, size)
            self.kept += [active, row, rows, columns]
            self.cells.append(cell)
            return active

        def _volume(self, name: str, material: str, x: float, y: float, z: float) -> Any:
            box = g4.G4Box(name, x / 2, y / 2, z / 2)
            filled = g4.G4NistManager.Instance().FindOrBuildMaterial(material)
            volume = g4.G4LogicalVolume(box, filled, name)
            self.solids = [*getattr(self, "solids", []), box, volume]
            return volume

    return Detector()


def _gun(g4: ModuleType, particle: str, cell_size: float) -> Any:
    """One particle per event, of the conditions that are set before a run."""

    class Gun(g4.G4VUserPrimaryGeneratorAction):
        def __init__(self) -> None:
            super().__init__()
            self.gun = g4.G4ParticleGun(1)
            table = g4.G4ParticleTable.GetParticleTable()
            self.gun.SetParticleDefinition(table.FindParticle(NAMES[particle]))
            self.conditions: Conditions | None = None
            self.next = 0

        def GeneratePrimaries(self, event: Any) -> None:
            one = {name: float(values[self.next]) for name, values in self.conditions.columns().items()}
            self.next += 1
            across = np.sin(one["theta"])
            x, y = across * np.cos(one["phi"]), across * np.sin(one["phi"])
            z = np.cos(one["theta"])
            back = GAP / 2 / z
            column, row = (one[name] * cell_size + OFF_BORDER for name in ("impact_column", "impact_row"))
            self.gun.SetParticleEnergy(one["energy"] * g4.GeV)
            self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(x, y, z))
            self.gun.SetParticlePosition(g4.G4ThreeVector(column - back * x, row - back * y, -GAP / 2))
            self.gun.GeneratePrimaryVertex(event)

    return Gun()


def _actions(g4: ModuleType, gun: Any, scored: list[tuple[np.ndarray, np.ndarray]]) -> Any:
    """The gun, and what reads the scored cells after each event."""

    class Reader(g4.G4UserEventAction):
        def EndOfEventAction(self, event: Any) -> None:
            number = g4.G4SDManager.GetSDMpointer().GetCollectionID("calorimeter/deposit")
            found = dict(event.GetHCofThisEvent().GetHC(number))
            cell = np.fromiter(found.keys(), np.int64, len(found))
            deposit = np.fromiter((float(value) for value in found.values()), float, len(found))
            scored.append((cell, deposit))

    class Actions(g4.G4VUserActionInitialization):
        def Build(self) -> None:
            self.reader = Reader()
            self.SetUserAction(gun)
            self.SetUserAction(self.reader)

    return Actions()
