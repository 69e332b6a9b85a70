from pathlib import Path
def write_report(record, known, target: Path) -> None:
    target.write_text("x")
