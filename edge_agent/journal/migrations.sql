-- What makes a journal of one schema one of the next; schema.sql is what all of them lead to.

-- name: from_1
CREATE TABLE plc_part (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    run INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    disposition INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX plc_part_sequence ON plc_part (run, sequence);

-- name: from_2
CREATE TABLE part_message (part INTEGER PRIMARY KEY REFERENCES part (id), message TEXT NOT NULL);

-- name: from_3
CREATE TABLE readiness (
    id INTEGER PRIMARY KEY,
    boot TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    why TEXT NOT NULL DEFAULT ''
);

-- name: from_4
CREATE TABLE part_detail (part INTEGER PRIMARY KEY REFERENCES part (id), detail TEXT NOT NULL);
CREATE TABLE second_opinion (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    bundle TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    score REAL,
    label TEXT NOT NULL DEFAULT ''
);
