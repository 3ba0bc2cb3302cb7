"""What fails is drawn by name, so an I/O fails again whenever it comes."""

import errno

from faults.foreign.weather import Weather
from faults.simulation.plan import FINE, IO
from faults.simulation.tape import Draw, ExploringTape, ReplayTape

REGIONS = ("data", "bmap")


def io(kind: str = "write", region: str = "data") -> IO:
    return IO(1, kind, 0, 512, region)


def test_the_benign_weather_is_calm() -> None:
    weather = Weather(ReplayTape([]), REGIONS)
    assert [weather.fate(io(), f"write data #{number}") for number in range(20)] == [FINE] * 20
    assert weather.injected == 0


def test_a_stroke_hits_the_nth_of_its_kind_and_nothing_else() -> None:
    tape = ReplayTape([Draw("storm", 3, 1), Draw("storm.only", 4, 1), Draw("storm.nth", 6, 1)])
    weather = Weather(tape, REGIONS)
    fates = [weather.fate(io(region=region), f"{region} #{n}") for n in range(3) for region in REGIONS]
    assert [bool(fate.errno) for fate in fates] == [False, False, False, True, False, False]
    assert fates[3].errno == errno.EIO
    assert fates[3].effect == "none"
    assert weather.injected == 1


def test_in_a_storm_it_is_the_name_that_is_hit_and_not_the_turn() -> None:
    storm = [Draw("storm", 3, 2), Draw("storm.rate write data", 3, 2), Draw("fail write data 512@0 #2", 2, 1)]
    names = ["write data 512@0 #1", "write data 512@0 #2"]
    for order in (names, names[::-1]):
        weather = Weather(ReplayTape(storm), REGIONS)
        assert [name for name in order if weather.fate(io(), name).errno] == [names[1]]


def test_every_kind_of_io_can_fail_and_reads_and_flushes_have_no_effect() -> None:
    failed = set()
    for seed in range(400):
        weather = Weather(ExploringTape(seed), REGIONS)
        for number in range(6):
            for kind, region in (("write", "data"), ("write", "bmap"), ("flush", ""), ("read", "data")):
                fate = weather.fate(io(kind, region), f"{kind} {region} #{number}")
                if fate.errno:
                    failed.add((kind, region))
                    assert kind == "write" or fate.effect == "none"
                    assert kind != "read" or fate.errno == errno.EIO
    assert len(failed) == 4
