"""Writes the files that docs/own-data.md walks through, in the forms that exporters give them.

python3 crates/aster-data/tests/own-data/make.py
"""

from datetime import datetime, timedelta
from math import cos, sin
from pathlib import Path

FOLDER = Path(__file__).parent
START = datetime(2024, 3, 25)


def write(name, lines, encoding="utf-8"):
    (FOLDER / name).write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))


def historian():
    """Tags by their paths, a month-first clock of twelve hours, words where there is no value."""
    lines = ["Server:,PI-NORTH", "Interval:,10m", "", "Timestamp,\\\\NORTH\\FT-101.PV,\\\\NORTH\\PT-102.PV,\\\\NORTH\\XV-103.ST"]
    for row in range(48):
        time = START + timedelta(minutes=10 * row)
        flow = f"{1200 + 40 * sin(row / 5):,.2f}"
        flow = "I/O Timeout" if row in (11, 12) else f'"{flow}"'
        pressure = "Bad" if row == 30 else f"{4 + 0.2 * cos(row / 7):.3f}"
        lines.append(f"{time:%-m/%-d/%Y %-I:%M:%S %p},{flow},{pressure},{'OPEN' if row % 24 < 18 else 'CLOSED'}")
    write("historian.csv", lines)


def home_assistant():
    """A row per change of an entity, of UTC."""
    lines = ["entity_id,state,last_changed"]
    for row in range(40):
        time = START + timedelta(seconds=300 * row + 7 * (row % 3))
        temperature = "unavailable" if row == 17 else f"{20 + sin(row / 6):.1f}"
        lines.append(f"sensor.living_room_temperature,{temperature},{time:%Y-%m-%dT%H:%M:%S}.{row * 17 % 1000:03}Z")
        if row % 2 == 0:
            time += timedelta(seconds=11)
            lines.append(f"sensor.living_room_humidity,{45 + 3 * cos(row / 6):.0f},{time:%Y-%m-%dT%H:%M:%S}.000Z")
    write("home-assistant.csv", lines)


def prometheus():
    """Epochs of seconds, a column per series, a gap where a target was down."""
    lines = ['Time,up,"cpu{instance=""a:9100""}","cpu{instance=""b:9100""}"']
    first = 1_711_324_800
    for row in range(60):
        if 40 <= row < 44:
            continue
        lines.append(f"{first + 15 * row},1,{0.2 + 0.1 * sin(row / 4):.4f},{0.3 + 0.1 * cos(row / 4):.4f}")
    write("prometheus.csv", lines)


def german():
    """Semicolons, decimal commas, Windows-1252, days first, newest first."""
    rows = []
    for row in range(40):
        time = START + timedelta(minutes=15 * row)
        power = f"{1000 + 300 * sin(row / 8):,.1f}".translate(str.maketrans(",.", ".,"))
        rows.append(f"{time:%d.%m.%Y};{time:%H:%M};{power};{f'{12 + 3 * cos(row / 9):.2f}'.replace('.', ',')}")
    write("german.csv", ["Datum;Uhrzeit;Leistung [kW];Außentemperatur °C", *reversed(rows)], "cp1252")


for make in (historian, home_assistant, prometheus, german):
    make()
