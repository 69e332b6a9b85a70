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
CREATE TABLE held_answer (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    operator TEXT NOT NULL,
    verdict TEXT NOT NULL,
    label TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    settles_mono REAL NOT NULL
);
CREATE TABLE withdrawn_answer (
    id INTEGER PRIMARY KEY,
    part INTEGER NOT NULL REFERENCES part (id),
    operator TEXT NOT NULL,
    verdict TEXT NOT NULL,
    label TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    withdrawn_ms INTEGER NOT NULL
);
CREATE INDEX withdrawn_part ON withdrawn_answer (part);
CREATE TABLE blind_check (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('second', 'known')),
    part INTEGER UNIQUE REFERENCES part (id),
    asked_first TEXT NOT NULL DEFAULT '',
    image TEXT NOT NULL,
    truth TEXT NOT NULL DEFAULT '',
    label TEXT NOT NULL DEFAULT '',
    score REAL,
    peak_x REAL,
    peak_y REAL,
    heatmap BLOB,
    drawn_ms INTEGER NOT NULL,
    operator TEXT NOT NULL DEFAULT '',
    serial TEXT NOT NULL DEFAULT '',
    boot TEXT NOT NULL DEFAULT '',
    from_mono REAL,
    until_mono REAL,
    answer TEXT,
    answer_label TEXT NOT NULL DEFAULT '',
    answered_mono REAL,
    answered_ms INTEGER
);
CREATE INDEX blind_check_waiting ON blind_check (drawn_ms) WHERE operator = '';
CREATE INDEX blind_check_shown ON blind_check (operator) WHERE answer IS NULL AND operator != '';
CREATE INDEX blind_check_answered ON blind_check (answered_ms) WHERE answer IS NOT NULL;
CREATE TABLE second_opinion (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    bundle TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    score REAL,
    label TEXT NOT NULL DEFAULT ''
);
CREATE TABLE sample (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    opinion TEXT NOT NULL,
    scheme TEXT NOT NULL,
    probability REAL NOT NULL,
    training INTEGER NOT NULL
);
CREATE INDEX sample_audit ON sample (part) WHERE scheme != 'all';
CREATE TABLE automation (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    part INTEGER NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    cause TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    word TEXT NOT NULL,
    demoted INTEGER NOT NULL
);
CREATE TABLE challenge (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    name TEXT NOT NULL,
    known TEXT NOT NULL,
    boot TEXT NOT NULL,
    bundle TEXT NOT NULL,
    mono REAL NOT NULL,
    at_ms INTEGER NOT NULL,
    passed INTEGER,
    why TEXT NOT NULL DEFAULT ''
);
CREATE INDEX challenge_name ON challenge (name, part);
CREATE TABLE challenge_lock (
    id INTEGER PRIMARY KEY,
    part INTEGER NOT NULL,
    name TEXT NOT NULL,
    why TEXT NOT NULL,
    since INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    unlocked_ms INTEGER,
    unlocked_by TEXT NOT NULL DEFAULT '',
    unlocked_why TEXT NOT NULL DEFAULT ''
);

-- name: from_5
ALTER TABLE automation ADD COLUMN recipe TEXT NOT NULL DEFAULT '';
CREATE TABLE changeover (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    boot TEXT NOT NULL,
    part INTEGER NOT NULL,
    recipe TEXT NOT NULL,
    who TEXT NOT NULL,
    ready_ms INTEGER
);
CREATE TABLE canary (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    bundle TEXT NOT NULL,
    share REAL NOT NULL,
    outcome TEXT NOT NULL,
    champion TEXT NOT NULL,
    verdict TEXT NOT NULL,
    score REAL NOT NULL,
    label TEXT NOT NULL DEFAULT ''
);
ALTER TABLE boot ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
UPDATE boot SET number = (SELECT count(*) FROM boot b WHERE (b.started_ms, b.boot) <= (boot.started_ms, boot.boot));
ALTER TABLE outbox ADD COLUMN suspect INTEGER NOT NULL DEFAULT 0;
ALTER TABLE image ADD COLUMN part INTEGER NOT NULL DEFAULT 0;
DROP INDEX IF EXISTS image_upload;
DROP INDEX IF EXISTS image_ring;
CREATE INDEX image_upload ON image (part, stored_ms) WHERE upload = 'wanted';
CREATE INDEX image_ring ON image (class DESC, part, stored_ms);
CREATE TABLE part_view (
    part INTEGER NOT NULL REFERENCES part (id),
    view INTEGER NOT NULL,
    image TEXT,
    PRIMARY KEY (part, view)
) WITHOUT ROWID;
