-- name: raise_counter
UPDATE counter SET value = value + 1 WHERE name = :name
-- name: read_counter
SELECT value FROM counter WHERE name = :name
-- name: set_counter
INSERT INTO counter (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = :value
-- name: raise_tally
INSERT INTO tally (name, value) VALUES (:name, :by) ON CONFLICT (name) DO UPDATE SET value = value + :by
-- name: raise_two_tallies
INSERT INTO tally (name, value) VALUES (:first, 1), (:second, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1
-- name: raise_three_tallies
INSERT INTO tally (name, value) VALUES (:first, 1), (:second, 1), (:third, 1)
ON CONFLICT (name) DO UPDATE SET value = value + 1
-- name: read_tallies
SELECT name, value FROM tally
-- name: add_boot
INSERT OR IGNORE INTO boot (boot, started_ms, number)
VALUES (:boot, :started_ms, (SELECT coalesce(max(number), 0) + 1 FROM boot))
-- name: last_boot
SELECT boot FROM boot ORDER BY number DESC LIMIT 1
-- name: add_part
INSERT INTO part (boot, seq, serial, triggered_ms) VALUES (:boot, :seq, :serial, :triggered_ms)
-- name: add_plc_part
INSERT INTO plc_part (part, run, sequence) VALUES (:part, :run, :sequence)
-- name: plc_part
SELECT run, sequence FROM plc_part WHERE part = :part
-- name: last_plc_part
SELECT run, sequence FROM plc_part ORDER BY part DESC LIMIT 1
-- name: dispose_plc_part
UPDATE plc_part SET disposition = :disposition
WHERE part = (SELECT max(part) FROM plc_part WHERE run = :run AND sequence = :sequence) AND disposition = 0
-- name: all_plc_parts
SELECT l.run, l.sequence, p.final FROM plc_part l JOIN part p ON p.id = l.part ORDER BY p.id
-- name: plc_dispositions
SELECT disposition, count(*) FROM plc_part GROUP BY disposition
-- name: add_part_detail
INSERT INTO part_detail (part, detail) VALUES (:part, :detail)
-- name: add_part_message
INSERT INTO part_message (part, message) VALUES (:part, :message)
-- name: last_part_messages
SELECT message FROM part_message ORDER BY part DESC LIMIT :limit
-- name: finished_parts
SELECT p.final_seq, p.id, p.boot, p.seq, p.serial, p.final, p.reason, p.label, p.score, p.bundle, p.decided_ms,
    coalesce(m.message, ''), coalesce(d.detail, '')
FROM part p LEFT JOIN part_message m ON m.part = p.id LEFT JOIN part_detail d ON d.part = p.id
WHERE p.final_seq > :after ORDER BY p.final_seq LIMIT :limit
-- name: last_finished
SELECT coalesce(max(final_seq), 0) FROM part
-- name: finished_before_boot
SELECT final_seq FROM part WHERE final_seq IS NOT NULL AND boot != :boot ORDER BY final_seq DESC LIMIT 1
-- name: clamp_cursors
UPDATE counter SET value = min(value, (SELECT coalesce(max(final_seq), 0) FROM part))
WHERE name = 'window/cursor' OR name LIKE 'output/%'
-- name: last_seq
SELECT coalesce(max(seq), 0) FROM part WHERE boot = :boot
-- name: undecided_part
SELECT boot, seq, serial FROM part WHERE id = :id AND verdict IS NULL
-- name: decide_part
UPDATE part SET verdict = :verdict, final = :final, reason = :reason, label = :label, score = :score,
    final_seq = CASE WHEN :final IS NULL THEN NULL ELSE (SELECT coalesce(max(final_seq), 0) + 1 FROM part) END,
    peak_x = :peak_x, peak_y = :peak_y, bundle = :bundle, latency_ms = :latency_ms, decided_ms = :decided_ms,
    image = :image, features = :features
WHERE id = :id AND verdict IS NULL
-- name: name_part
UPDATE part SET serial = :serial WHERE id = :id
-- name: finish_part
UPDATE part SET final = :final, reason = :reason, operator = :operator,
    final_seq = (SELECT coalesce(max(final_seq), 0) + 1 FROM part),
    label = CASE WHEN :label = '' THEN label ELSE :label END
WHERE id = :id AND final IS NULL
-- name: drive_part
UPDATE part SET output = 'driven' WHERE id = :id AND output = 'none'
-- name: lose_output
UPDATE part SET output = 'unknown' WHERE id = :id AND output = 'none'
-- name: undecided_parts
SELECT id FROM part WHERE (final IS NULL OR output = 'none') AND verdict IS NULL ORDER BY id
-- name: lose_outputs
UPDATE part SET output = 'unknown' WHERE (final IS NULL OR output = 'none') AND output = 'none' AND final IS NOT NULL
-- name: part_fields
SELECT id, boot, seq, serial, triggered_ms, verdict, final, reason, label, score, peak_x, peak_y, bundle, latency_ms,
    decided_ms, operator, image, output, coalesce((SELECT d.detail FROM part_detail d WHERE d.part = part.id), '')
FROM part WHERE id = :id
-- name: serial_before
SELECT 1 FROM part WHERE serial = :serial AND serial != '' AND id < :part AND id >= :since
    AND verdict IS NOT NULL AND (:any OR final = 'accept' OR final IS NULL) LIMIT 1
-- name: recent_parts
SELECT id, boot, seq, serial, triggered_ms, verdict, final, reason, label, score, peak_x, peak_y, bundle, latency_ms,
    decided_ms, operator, image, output, coalesce((SELECT d.detail FROM part_detail d WHERE d.part = part.id), '')
FROM part ORDER BY id DESC LIMIT :limit
-- name: parts_for_window
SELECT p.id, p.final_seq, p.final, p.verdict, p.reason,
    CASE WHEN p.operator = '' THEN coalesce(c.label, p.label) ELSE p.label END, coalesce(c.score, p.score),
    coalesce(c.champion, p.bundle), p.latency_ms, p.decided_ms, p.operator, p.features
FROM part p LEFT JOIN canary c ON c.part = p.id
WHERE p.final_seq > :after AND p.reason != 'challenge' ORDER BY p.final_seq LIMIT :limit
-- name: open_review
INSERT INTO review (part, opened_ms, deadline_mono, heatmap) VALUES (:part, :opened_ms, :deadline_mono, :heatmap)
-- name: close_review
UPDATE review SET state = :state WHERE part = :part AND state = 'open'
-- name: review_state
SELECT state FROM review WHERE part = :part
-- name: open_reviews
SELECT p.id, p.serial, p.score, p.label, p.image, r.opened_ms, r.deadline_mono
FROM review r JOIN part p ON p.id = r.part
WHERE r.state = 'open' AND NOT EXISTS (SELECT 1 FROM held_answer h WHERE h.part = r.part) ORDER BY r.deadline_mono
-- name: review_deadline
SELECT deadline_mono FROM review WHERE part = :part AND state = 'open'
    AND NOT EXISTS (SELECT 1 FROM held_answer h WHERE h.part = review.part)
-- name: hold_answer
INSERT INTO held_answer (part, operator, verdict, label, at_ms, settles_mono)
VALUES (:part, :operator, :verdict, :label, :at_ms, :settles_mono)
-- name: held_answer
SELECT operator, verdict, label, at_ms FROM held_answer WHERE part = :part
-- name: held_answers_due
SELECT h.part, h.operator, h.verdict, h.label, h.at_ms, r.state = 'open' AND r.deadline_mono > :now_mono
FROM held_answer h JOIN review r ON r.part = h.part
WHERE h.settles_mono <= :now_mono OR r.state != 'open' ORDER BY h.settles_mono
-- name: drop_held_answer
DELETE FROM held_answer WHERE part = :part
-- name: withdraw_answer
INSERT INTO withdrawn_answer (part, operator, verdict, label, at_ms, withdrawn_ms)
VALUES (:part, :operator, :verdict, :label, :at_ms, :withdrawn_ms)
-- name: withdrawn_answers
SELECT operator, verdict, label, at_ms, withdrawn_ms FROM withdrawn_answer WHERE part = :part ORDER BY id
-- name: any_review
SELECT 1 FROM review WHERE state = 'open' LIMIT 1
-- name: reviews_due
SELECT part FROM review WHERE state = 'open' AND deadline_mono <= :now_mono ORDER BY deadline_mono
-- name: reviews_of_other_boots
SELECT r.part FROM review r JOIN part p ON p.id = r.part WHERE r.state = 'open' AND p.boot != :boot ORDER BY r.part
-- name: review_heatmap
SELECT heatmap FROM review WHERE part = :part
-- name: reviews_to_drive
SELECT p.id, p.final FROM part p INDEXED BY part_open JOIN review r ON r.part = p.id
WHERE (p.final IS NULL OR p.output = 'none') AND p.output = 'none' AND p.final IS NOT NULL AND p.boot = :boot
ORDER BY p.id
-- name: add_answer
INSERT INTO answer (part, operator, verdict, label, at_ms, late, conflict)
VALUES (:part, :operator, :verdict, :label, :at_ms, :late, :conflict)
-- name: add_outbox
INSERT INTO outbox (boot, stream, seq, at_ms, payload, suspect) VALUES (:boot, :stream, :seq, :at_ms, :payload,
    coalesce((SELECT value FROM counter WHERE name = 'time/suspect'), 0))
-- name: outbox_boots
SELECT b.boot FROM boot b
WHERE EXISTS (SELECT 1 FROM outbox o WHERE o.boot = b.boot AND o.stream = :stream) ORDER BY b.number, b.started_ms, b.boot
-- name: outbox_page
SELECT seq, at_ms, payload, suspect FROM outbox WHERE boot = :boot AND stream = :stream AND seq > :after ORDER BY seq LIMIT :limit
-- name: doubt_outbox
UPDATE outbox SET suspect = 1
WHERE boot = :boot AND stream = :stream AND seq > :since AND suspect = 0
    AND (at_ms < :earliest OR at_ms > :latest OR seq > (SELECT max(b.seq) FROM outbox b
        WHERE b.boot = :boot AND b.stream = :stream AND b.seq > :since AND b.at_ms > :beyond AND b.at_ms <= :latest))
-- name: outbox_acknowledge
DELETE FROM outbox WHERE boot = :boot AND stream = :stream AND seq <= :seq
-- name: outbox_depth
SELECT coalesce(sum(
    (SELECT max(seq) FROM outbox o WHERE o.boot = b.boot AND o.stream = :stream)
    - (SELECT min(seq) FROM outbox o WHERE o.boot = b.boot AND o.stream = :stream) + 1), 0) FROM boot b
-- name: read_installation
SELECT state, reason, generation, desired, bundle, entered_ms, loops, crashes FROM installation WHERE id = 1
-- name: write_installation
INSERT INTO installation (id, state, reason, generation, desired, bundle, entered_ms, loops, crashes)
VALUES (1, :state, :reason, :generation, :desired, :bundle, :entered_ms, :loops, :crashes)
ON CONFLICT (id) DO UPDATE SET state = :state, reason = :reason, generation = :generation, desired = :desired,
    bundle = :bundle, entered_ms = :entered_ms, loops = :loops, crashes = :crashes
-- name: log_installation
INSERT INTO installation_log (at_ms, before, after, reason, bundle) VALUES (:at_ms, :before, :after, :reason, :bundle)
-- name: installation_log
SELECT at_ms, before, after, reason, bundle FROM installation_log ORDER BY id
-- name: read_release_floor
SELECT release FROM release_floor WHERE model = :model
-- name: raise_release_floor
INSERT INTO release_floor (model, release) VALUES (:model, :release)
ON CONFLICT (model) DO UPDATE SET release = max(release, :release)
-- name: ban_bundle
INSERT INTO banned (bundle, reason) VALUES (:bundle, :reason) ON CONFLICT (bundle) DO UPDATE SET reason = :reason
-- name: banned_bundles
SELECT bundle FROM banned
-- name: last_part
SELECT coalesce(max(id), 0) FROM part
-- name: parts_on_probation
SELECT count(*), coalesce(sum(reason = 'model-error'), 0) FROM part
WHERE id > :after AND bundle = :bundle AND verdict IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM canary c WHERE c.part = part.id)
-- name: parts_beside
SELECT count(*), coalesce(sum(reason = 'model-error'), 0) FROM second_opinion
WHERE part > :after AND bundle = :bundle
-- name: second_opinion
INSERT INTO second_opinion (part, bundle, verdict, reason, score, label)
VALUES (:part, :bundle, :verdict, :reason, :score, :label)
-- name: add_canary
INSERT INTO canary (part, bundle, share, outcome, champion, verdict, score, label)
VALUES (:part, :bundle, :share, :outcome, :champion, :verdict, :score, :label)
-- name: part_canary
SELECT c.bundle, c.share, c.outcome, c.champion, c.verdict, c.score, o.verdict, o.score
FROM canary c LEFT JOIN second_opinion o ON o.part = c.part WHERE c.part = :part
-- name: last_canary
SELECT share FROM canary WHERE bundle = :bundle ORDER BY part DESC LIMIT 1
-- name: report_canary
SELECT c.bundle, count(*), sum(c.outcome = 'decided'),
    sum(c.outcome = 'decided' AND coalesce(o.verdict, c.verdict) != c.verdict),
    sum(c.outcome = 'late'), sum(c.outcome = 'failed')
FROM canary c CROSS JOIN part p ON p.id = c.part LEFT JOIN second_opinion o ON o.part = c.part
WHERE c.part >= :first AND c.part <= :last AND p.triggered_ms >= :from_ms AND p.triggered_ms < :to_ms
GROUP BY c.bundle ORDER BY min(c.part)
-- name: last_challenger
SELECT bundle FROM second_opinion ORDER BY part DESC LIMIT 1
-- name: challenger_parts
SELECT p.id, p.seq, p.serial, coalesce(c.champion, p.bundle), coalesce(c.score, p.score), o.verdict, o.reason, o.score,
    c.outcome,
    (SELECT a.verdict FROM answer a WHERE a.part = p.id AND a.conflict = 0 ORDER BY a.id LIMIT 1)
FROM second_opinion o JOIN part p ON p.id = o.part LEFT JOIN canary c ON c.part = o.part
WHERE o.bundle = :bundle AND p.id > :after ORDER BY p.id LIMIT :limit
-- name: images_wanted
SELECT digest FROM image WHERE upload = 'wanted' ORDER BY part, stored_ms LIMIT :limit
-- name: set_image_upload
UPDATE image SET upload = :upload WHERE digest = :digest AND upload = 'wanted'
-- name: read_meta
SELECT value FROM meta WHERE key = :key
-- name: set_meta
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = :value
-- name: add_image
INSERT INTO image (digest, class, bytes, stored_ms, upload, probability, part)
VALUES (:digest, :class, :bytes, :stored_ms, :upload, :probability, :part)
ON CONFLICT (digest) DO UPDATE SET class = min(class, excluded.class),
    upload = CASE WHEN upload = 'no' THEN excluded.upload ELSE upload END
-- name: picture_part
UPDATE part SET image = :digest WHERE id = :id AND image IS NULL
-- name: add_part_view
INSERT OR REPLACE INTO part_view (part, view, image) VALUES (:part, :view, :digest)
-- name: picture_view
UPDATE part_view SET image = :digest WHERE part = :part AND view = :view
-- name: part_views
SELECT image FROM part_view WHERE part = :part ORDER BY view
-- name: images_bytes
SELECT coalesce(sum(bytes), 0) FROM image
-- name: images_to_drop
SELECT digest, bytes FROM image ORDER BY class DESC, part, stored_ms LIMIT :limit
-- name: drop_image
DELETE FROM image WHERE digest = :digest
-- name: has_image
SELECT 1 FROM image WHERE digest = :digest
-- name: set_meta
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = :value
-- name: get_meta
SELECT value FROM meta WHERE key = :key
-- name: drop_meta
DELETE FROM meta WHERE key = :key
-- name: missing_parts
SELECT sum(gap) FROM (SELECT max(seq) - count(*) AS gap FROM part GROUP BY boot)
-- name: begin_readiness
INSERT INTO readiness (boot, from_ms, until_ms, ready, why) VALUES (:boot, :at_ms, :at_ms, :ready, :why)
-- name: move_readiness
UPDATE readiness SET until_ms = max(until_ms, :at_ms) WHERE id = :id
-- name: prove_readiness
UPDATE readiness SET until_ms = max(until_ms, min(:at_ms, coalesce(
    (SELECT p.triggered_ms FROM part p WHERE p.boot = readiness.boot ORDER BY p.seq DESC LIMIT 1), 0)))
WHERE id = (SELECT max(id) FROM readiness)
-- name: forget_readiness
DELETE FROM readiness WHERE id <= (SELECT max(id) FROM readiness) - :kept
-- name: readiness
SELECT from_ms, until_ms, ready, why FROM readiness WHERE until_ms >= :from_ms AND from_ms < :to_ms ORDER BY id
-- name: first_readiness
SELECT min(from_ms) FROM readiness
-- name: next_boot
SELECT min(boot) FROM part WHERE boot > :boot
-- name: parts_of_boot
SELECT (SELECT id FROM part WHERE boot = :boot ORDER BY seq LIMIT 1),
    (SELECT id FROM part WHERE boot = :boot ORDER BY seq DESC LIMIT 1)
-- name: part_time
SELECT id, triggered_ms FROM part WHERE id >= :id ORDER BY id LIMIT 1
-- name: report_parts
SELECT id, triggered_ms, verdict, final, reason, label, score, bundle, latency_ms,
    coalesce((SELECT d.detail FROM part_detail d WHERE d.part = part.id), '')
FROM part WHERE id > :after AND id <= :last AND triggered_ms >= :from_ms AND triggered_ms < :to_ms
    AND coalesce(reason, '') != 'challenge' ORDER BY id LIMIT :limit
-- name: report_answers
SELECT a.id, a.operator, a.verdict, a.late, a.conflict, p.score,
    NOT EXISTS (SELECT 1 FROM review r WHERE r.part = a.part)
FROM answer a JOIN part p ON p.id = a.part
WHERE a.part >= :first AND a.part <= :last AND p.triggered_ms >= :from_ms AND p.triggered_ms < :to_ms
ORDER BY a.part, a.id
-- name: report_lines
SELECT p.id, p.boot, p.seq, p.serial, p.triggered_ms, p.decided_ms, p.verdict, p.final, p.reason, p.label, p.score,
    p.latency_ms, p.bundle, p.operator, p.output, p.image, c.run, c.sequence, c.disposition,
    coalesce((SELECT d.detail FROM part_detail d WHERE d.part = p.id), '')
FROM part p LEFT JOIN plc_part c ON c.part = p.id
WHERE p.id > :after AND p.id <= :last AND p.triggered_ms >= :from_ms AND p.triggered_ms < :to_ms
    AND p.final IS NOT NULL
ORDER BY p.id LIMIT :limit
-- name: parts_with_serial
SELECT id, serial, triggered_ms, verdict, final, reason FROM part
WHERE serial != '' AND serial = :serial ORDER BY id DESC LIMIT :limit
-- name: parts_with_prefix
SELECT id, serial, triggered_ms, verdict, final, reason FROM part
WHERE serial != '' AND serial > :serial AND serial < :beyond ORDER BY serial DESC, id DESC LIMIT :limit
-- name: part_answers
SELECT operator, verdict, label, at_ms, late, conflict, NOT EXISTS (SELECT 1 FROM review r WHERE r.part = answer.part)
FROM answer WHERE part = :part ORDER BY id
-- name: part_review
SELECT opened_ms, state, heatmap IS NOT NULL FROM review WHERE part = :part
-- name: part_plc
SELECT run, sequence, disposition FROM plc_part WHERE part = :part
-- name: replay_parts
SELECT p.id, p.serial, p.verdict, p.reason, p.label, p.score, p.bundle, p.image,
    (SELECT a.verdict FROM answer a WHERE a.part = p.id AND NOT (i.class = 0 AND i.upload = 'no')
        ORDER BY a.late + a.conflict, a.id LIMIT 1)
FROM part p LEFT JOIN image i ON i.digest = p.image
WHERE p.id > :after AND p.triggered_ms >= :from_ms AND p.triggered_ms < :to_ms AND p.bundle IS NOT NULL
    AND p.verdict IS NOT NULL
ORDER BY p.id LIMIT :limit
-- name: add_sample
INSERT INTO sample (part, opinion, scheme, probability, training)
VALUES (:part, :opinion, :scheme, :probability, :training)
-- name: part_sample
SELECT opinion, scheme, probability, training FROM sample WHERE part = :part
-- name: part_answered
SELECT 1 FROM answer WHERE part = :part LIMIT 1
-- name: evidence
SELECT s.opinion, a.verdict, count(*)
FROM sample s JOIN part p ON p.id = s.part
LEFT JOIN answer a ON a.id = (SELECT min(id) FROM answer WHERE part = s.part AND conflict = 0)
WHERE s.part > :since AND s.scheme IN ('all', 'uniform') AND p.bundle = :bundle
    AND NOT EXISTS (SELECT 1 FROM review r WHERE r.part = s.part AND r.state = 'open')
GROUP BY s.opinion, a.verdict
-- name: audits_waiting
SELECT p.id, p.serial, p.image, p.decided_ms, p.bundle FROM sample s JOIN part p ON p.id = s.part
WHERE s.scheme != 'all' AND s.part > :since AND p.final IS NOT NULL AND p.verdict != 'review' AND p.image IS NOT NULL
    AND EXISTS (SELECT 1 FROM image i WHERE i.digest = p.image)
    AND NOT EXISTS (SELECT 1 FROM answer a WHERE a.part = p.id)
ORDER BY p.id DESC LIMIT :limit
-- name: last_automation
SELECT before, after, cause, who, why, word, demoted FROM automation
WHERE recipe = coalesce((SELECT recipe FROM changeover ORDER BY id DESC LIMIT 1), '') ORDER BY id DESC LIMIT 1
-- name: automation_history
SELECT at_ms, before, after, cause, who, why, recipe FROM automation ORDER BY id DESC LIMIT :limit
-- name: add_automation
INSERT INTO automation (at_ms, part, before, after, cause, who, why, word, demoted, recipe)
VALUES (:at_ms, (SELECT coalesce(max(id), 0) FROM part), :before, :after, :cause, :who, :why, :word, :demoted,
    coalesce((SELECT recipe FROM changeover ORDER BY id DESC LIMIT 1), ''))
-- name: last_demotion
SELECT coalesce(max(part), 0) FROM automation WHERE cause = 'demoted'
AND recipe = coalesce((SELECT recipe FROM changeover ORDER BY id DESC LIMIT 1), '')
-- name: automation_of_first_recipe
UPDATE automation SET recipe = :recipe WHERE recipe = ''
-- name: order_changeover
INSERT INTO changeover (at_ms, boot, part, recipe, who)
VALUES (:at_ms, :boot, (SELECT coalesce(max(id), 0) FROM part), :recipe, :who)
-- name: last_changeover
SELECT id, recipe, who, at_ms, ready_ms, part FROM changeover ORDER BY id DESC LIMIT 1
-- name: changed_over
UPDATE changeover SET ready_ms = :at_ms WHERE id = :id AND ready_ms IS NULL
-- name: changeovers
SELECT at_ms, recipe, who, ready_ms FROM changeover ORDER BY id DESC LIMIT :limit
-- name: add_challenge
INSERT INTO challenge (part, name, known, boot, bundle, mono, at_ms)
VALUES (:part, :name, :known, :boot, :bundle, :mono, :at_ms)
-- name: end_challenge
UPDATE challenge SET passed = :passed, why = :why WHERE part = :part AND passed IS NULL
-- name: last_challenges
SELECT name, part, boot, bundle, mono, at_ms, passed, why FROM challenge
WHERE part IN (SELECT max(part) FROM challenge GROUP BY name)
-- name: last_pass
SELECT coalesce(max(part), 0) FROM challenge WHERE name = :name AND passed = 1 AND part < :before
-- name: add_challenge_lock
INSERT INTO challenge_lock (part, name, why, since, at_ms) VALUES (:part, :name, :why, :since, :at_ms)
-- name: challenge_locked
SELECT part, name, why, since, at_ms FROM challenge_lock WHERE unlocked_ms IS NULL ORDER BY id DESC LIMIT 1
-- name: last_challenge_lock
SELECT part, name, why, since, at_ms, unlocked_ms, unlocked_by, unlocked_why FROM challenge_lock
ORDER BY id DESC LIMIT 1
-- name: unlock_challenge
UPDATE challenge_lock SET unlocked_ms = :at_ms, unlocked_by = :who, unlocked_why = :why WHERE unlocked_ms IS NULL
-- name: challenge_suspects
SELECT p.id, p.boot, p.seq, p.serial, p.triggered_ms, p.verdict, p.final, p.reason, p.label, p.score, p.bundle,
    p.operator, c.run, c.sequence
FROM part p LEFT JOIN plc_part c ON c.part = p.id
WHERE p.id > :after AND p.id < :before AND p.final IS NOT NULL AND p.reason != 'challenge' AND p.score IS NOT NULL
ORDER BY p.id LIMIT :limit
-- name: count_challenge_suspects
SELECT count(*) FROM part p
WHERE p.id > :after AND p.id < :before AND p.final IS NOT NULL AND p.reason != 'challenge' AND p.score IS NOT NULL
-- name: draw_second
INSERT OR IGNORE INTO blind_check (kind, part, asked_first, image, label, score, peak_x, peak_y, heatmap, drawn_ms)
VALUES ('second', :part, :operator, :image, :label, :score, :peak_x, :peak_y,
    (SELECT heatmap FROM review WHERE part = :part), :drawn_ms)
-- name: next_second
SELECT b.id, b.image FROM blind_check b JOIN part p ON p.id = b.part
WHERE b.operator = '' AND b.asked_first != :operator AND b.drawn_ms <= :before_ms
    AND p.final IS NOT NULL AND p.reason = 'operator'
    AND NOT EXISTS (SELECT 1 FROM answer a WHERE a.part = b.part AND a.operator = :operator)
ORDER BY b.drawn_ms LIMIT 1
-- name: show_check
UPDATE blind_check SET operator = :operator, serial = :serial, boot = :boot, from_mono = :from_mono,
    until_mono = :until_mono
WHERE id = :id AND operator = ''
-- name: drop_check
DELETE FROM blind_check WHERE id = :id
-- name: add_known_check
INSERT INTO blind_check (kind, image, truth, label, score, peak_x, peak_y, heatmap, drawn_ms, operator, serial, boot,
    from_mono, until_mono)
VALUES ('known', :image, :truth, :label, :score, :peak_x, :peak_y, :heatmap, :drawn_ms, :operator, :serial, :boot,
    :from_mono, :until_mono)
-- name: shown_checks
SELECT id, serial, score, label, image, peak_x, peak_y, heatmap IS NOT NULL, from_mono, until_mono FROM blind_check
WHERE operator = :operator AND answer IS NULL AND operator != '' AND boot = :boot AND until_mono > :now_mono ORDER BY id
-- name: check_heatmap
SELECT heatmap FROM blind_check WHERE id = :id AND operator = :operator
-- name: answer_check
UPDATE blind_check SET answer = :answer, answer_label = :label, answered_mono = :now_mono, answered_ms = :now_ms
WHERE id = :id AND operator = :operator AND boot = :boot AND answer IS NULL AND until_mono > :now_mono
-- name: withdraw_check
UPDATE blind_check SET answer = NULL, answer_label = '', answered_mono = NULL, answered_ms = NULL
WHERE id = :id AND operator = :operator AND boot = :boot AND answered_mono > :since_mono AND until_mono > :now_mono
-- name: has_check
SELECT 1 FROM blind_check WHERE id = :id AND operator = :operator
-- name: report_checks
SELECT b.kind, b.operator, b.answer, CASE WHEN b.kind = 'known' THEN b.truth ELSE p.final END
FROM blind_check b LEFT JOIN part p ON p.id = b.part
WHERE b.answer IS NOT NULL AND b.answered_ms >= :from_ms AND b.answered_ms < :to_ms ORDER BY b.id
