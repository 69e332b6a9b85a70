-- One file, WAL mode, written by the three processes of a station. A decision and its outbox row are one
-- transaction, and it is committed before the output moves.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- One run of the supervisor. Its id is part of every key that leaves the device; `number` says which was first,
-- whatever the clock said.
CREATE TABLE boot (
    boot TEXT PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    number INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Every trigger makes one row; `final` is written exactly once and then `final_seq` orders the facts.
CREATE TABLE part (
    id INTEGER PRIMARY KEY,
    boot TEXT NOT NULL,
    seq INTEGER NOT NULL,
    serial TEXT NOT NULL DEFAULT '',
    triggered_ms INTEGER NOT NULL,
    verdict TEXT,                 -- what the station said first: accept, reject, review
    final TEXT,                   -- what holds: accept, reject
    final_seq INTEGER UNIQUE,
    reason TEXT,
    label TEXT NOT NULL DEFAULT '',
    score REAL,                   -- probability of defective
    peak_x REAL,
    peak_y REAL,
    bundle TEXT,
    latency_ms REAL,
    decided_ms INTEGER,
    operator TEXT NOT NULL DEFAULT '',
    image TEXT,                   -- SHA-256 of the picture in the quota ring
    features BLOB,                -- float32, in the order of the baseline of the bundle (of a canary part: its champion's)
    output TEXT NOT NULL DEFAULT 'none' CHECK (output IN ('none', 'driven', 'unknown')),
    UNIQUE (boot, seq)
);
-- Parts about which something is still to be done: few, whatever the journal's size.
CREATE INDEX part_open ON part (id) WHERE final IS NULL OR output = 'none';
CREATE INDEX part_serial ON part (serial) WHERE serial != '';

-- Parts that a PLC sent, by its own count, and what it says it did with them.
CREATE TABLE plc_part (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    run INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    disposition INTEGER NOT NULL DEFAULT 0  -- 0 not said, 1 accepted, 2 rejected, 3 rejected as no result came in time
);
CREATE INDEX plc_part_sequence ON plc_part (run, sequence);

-- Parts that a message asked for, by its id: a repeat of the message makes no second part.
CREATE TABLE part_message (part INTEGER PRIMARY KEY REFERENCES part (id), message TEXT NOT NULL);

-- What exactly was wrong with the picture of a part that has none or a bad one: few parts, so a table of its own.
CREATE TABLE part_detail (part INTEGER PRIMARY KEY REFERENCES part (id), detail TEXT NOT NULL);

-- Stretches of time in which the station was ready or was not, and why. `until_ms` moves along twice a minute, so that
-- what no row covers is time in which the station did not run.
CREATE TABLE readiness (
    id INTEGER PRIMARY KEY,
    boot TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    why TEXT NOT NULL DEFAULT ''
);

-- Parts held for a person. Deadlines are on the machine's monotonic clock (seconds), so a clock jump moves none.
CREATE TABLE review (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    opened_ms INTEGER NOT NULL,
    deadline_mono REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'decided', 'timeout', 'lost')),
    heatmap BLOB                  -- PNG, grey, the size of the model's map
);
CREATE INDEX review_open ON review (deadline_mono) WHERE state = 'open';

-- Every answer a person gave, the late and the conflicting ones too: all are labels, one is the verdict.
CREATE TABLE answer (
    id INTEGER PRIMARY KEY,
    part INTEGER NOT NULL REFERENCES part (id),
    operator TEXT NOT NULL,
    verdict TEXT NOT NULL,
    label TEXT NOT NULL DEFAULT '',
    at_ms INTEGER NOT NULL,
    late INTEGER NOT NULL,
    conflict INTEGER NOT NULL
);
CREATE INDEX answer_part ON answer (part);

-- Parts whose answers measure the machine: how they were drawn, with which probability, and what it thought of them.
CREATE TABLE sample (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    opinion TEXT NOT NULL,        -- what the machine alone would have said: accept, reject, review
    scheme TEXT NOT NULL,         -- all, uniform, weighted
    probability REAL NOT NULL,
    training INTEGER NOT NULL     -- 0: the label is for measuring and never trains
);
CREATE INDEX sample_audit ON sample (part) WHERE scheme != 'all';

-- Every change of the degree of automation; the last row is what holds.
CREATE TABLE automation (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    part INTEGER NOT NULL,        -- the last part before it
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    cause TEXT NOT NULL,          -- word, set, promoted, demoted
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    word TEXT NOT NULL,           -- what fleet, station.yaml or recipe said then
    demoted INTEGER NOT NULL,
    recipe TEXT NOT NULL DEFAULT ''  -- of which product; '' where the station makes one
);

-- Which product the station was told to make, by its model's name, and when it was ready for it; the last row holds.
CREATE TABLE changeover (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    boot TEXT NOT NULL,
    part INTEGER NOT NULL,        -- the last part before it
    recipe TEXT NOT NULL,
    who TEXT NOT NULL,
    ready_ms INTEGER
);

-- Parts that were presented as challenge parts; `passed` is NULL until the machine has judged.
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

-- A failed challenge locks the station until somebody unlocks it with a reason.
CREATE TABLE challenge_lock (
    id INTEGER PRIMARY KEY,
    part INTEGER NOT NULL,
    name TEXT NOT NULL,
    why TEXT NOT NULL,
    since INTEGER NOT NULL,       -- the part of the last pass before it, 0 for none
    at_ms INTEGER NOT NULL,
    unlocked_ms INTEGER,
    unlocked_by TEXT NOT NULL DEFAULT '',
    unlocked_why TEXT NOT NULL DEFAULT ''
);

-- An answer that can still be taken back: it becomes the verdict at `settles_mono`, which is before the deadline.
CREATE TABLE held_answer (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    operator TEXT NOT NULL,
    verdict TEXT NOT NULL,
    label TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    settles_mono REAL NOT NULL
);

-- Answers that were taken back, by whom and when.
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

-- Questions that decide nothing: parts decided by one person shown to another, and pictures with a known answer.
CREATE TABLE blind_check (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('second', 'known')),
    part INTEGER UNIQUE REFERENCES part (id),  -- of a second look; a known part has none
    asked_first TEXT NOT NULL DEFAULT '',  -- who decided the part, and is not asked again
    image TEXT NOT NULL,
    truth TEXT NOT NULL DEFAULT '',  -- the right verdict of a known part; of a second look the part's own
    label TEXT NOT NULL DEFAULT '',  -- what the machine suggests, as are score, peak and heatmap
    score REAL,
    peak_x REAL,
    peak_y REAL,
    heatmap BLOB,
    drawn_ms INTEGER NOT NULL,
    operator TEXT NOT NULL DEFAULT '',  -- whom it is shown to
    serial TEXT NOT NULL DEFAULT '',  -- the name under which it is shown
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

-- Facts for the fleet, kept until acknowledged; seq counts per (boot, stream) without gaps.
CREATE TABLE outbox (
    boot TEXT NOT NULL,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    payload BLOB NOT NULL,
    suspect INTEGER NOT NULL DEFAULT 0,  -- 1: at_ms is by a clock that was probably wrong
    PRIMARY KEY (boot, stream, seq)
) WITHOUT ROWID;

-- Next numbers of the outbox streams by boot; they must not go back when acknowledged rows are deleted.
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

-- Cumulative counts since the journal began, raised in the transaction of what they count.
CREATE TABLE tally (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

-- Pictures in the quota ring, and whether the fleet has those that it shall get.
CREATE TABLE image (
    digest TEXT PRIMARY KEY,
    class INTEGER NOT NULL,       -- 0 review, 1 reject, 2 hard, 3 audit, 4 random accept: dropped from the highest
    bytes INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    upload TEXT NOT NULL DEFAULT 'no' CHECK (upload IN ('no', 'wanted', 'done')),
    probability REAL NOT NULL DEFAULT 1.0,  -- with which it was drawn, for unbiased estimates
    part INTEGER NOT NULL DEFAULT 0  -- it was kept for: says which picture is older, whatever the clock said
) WITHOUT ROWID;
CREATE INDEX image_upload ON image (part, stored_ms) WHERE upload = 'wanted';
CREATE INDEX image_ring ON image (class DESC, part, stored_ms);

-- All pictures of a part with several views that is kept, in their order; the one that people see is in `part.image`,
-- too. NULL: the picture was torn, '': it is not stored (yet).
CREATE TABLE part_view (
    part INTEGER NOT NULL REFERENCES part (id),
    view INTEGER NOT NULL,
    image TEXT,
    PRIMARY KEY (part, view)
) WITHOUT ROWID;

-- What a challenger thought of a part that the champion judged; it moved nothing but where `canary` says that it decided.
CREATE TABLE second_opinion (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    bundle TEXT NOT NULL,
    verdict TEXT NOT NULL,        -- accept, reject, or review where it is unsure
    reason TEXT NOT NULL,
    score REAL,
    label TEXT NOT NULL DEFAULT ''
);

-- Parts that were drawn for a challenger to decide, with which probability, what came of it, and what the champion thought.
CREATE TABLE canary (
    part INTEGER PRIMARY KEY REFERENCES part (id),
    bundle TEXT NOT NULL,         -- the challenger
    share REAL NOT NULL,
    outcome TEXT NOT NULL,        -- decided; late or failed: the champion decided alone
    champion TEXT NOT NULL,       -- its bundle, as are:
    verdict TEXT NOT NULL,        -- accept, reject, or review where it is unsure
    score REAL NOT NULL,
    label TEXT NOT NULL DEFAULT ''
);

-- The model update: one current row, and every transition, written before its side effect.
CREATE TABLE installation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    generation INTEGER NOT NULL DEFAULT 0,
    desired TEXT,                 -- the Desired message being worked on, as JSON
    bundle TEXT,
    entered_ms INTEGER NOT NULL,
    loops INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE installation_log (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    reason TEXT NOT NULL,
    bundle TEXT
);
CREATE TABLE release_floor (model TEXT PRIMARY KEY, release INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE banned (bundle TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
