-- Changes that are kept and do not count: they wait, came too late, or are quarantined.
CREATE TABLE aside (
    n INTEGER PRIMARY KEY,
    document_no INTEGER NOT NULL REFERENCES document,
    shard INTEGER NOT NULL,
    hash BLOB NOT NULL,
    author BLOB NOT NULL,
    signature BLOB NOT NULL,
    operation BLOB,
    raw BLOB NOT NULL,
    UNIQUE (document_no, shard, hash)
) STRICT;

-- What each author has stored, in the log, aside and in statements.
CREATE TABLE usage (
    document_no INTEGER NOT NULL REFERENCES document,
    author BLOB NOT NULL,
    changes INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    statements INTEGER NOT NULL,
    PRIMARY KEY (document_no, author)
) STRICT, WITHOUT ROWID;

INSERT INTO usage (document_no, author, changes, bytes, statements)
    SELECT document_no, author, sum(changes), sum(bytes), sum(statements) FROM (
        SELECT document_no, author, count(*) AS changes, sum(length(raw)) AS bytes, 0 AS statements
            FROM log GROUP BY document_no, author
        UNION ALL
        SELECT document_no, signer, 0, sum(length(bytes)), count(*)
            FROM statement GROUP BY document_no, signer
    ) GROUP BY document_no, author;

CREATE TRIGGER usage_log_in AFTER INSERT ON log BEGIN
    INSERT INTO usage VALUES (new.document_no, new.author, 1, length(new.raw), 0)
        ON CONFLICT DO UPDATE SET changes = changes + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER usage_log_out AFTER DELETE ON log BEGIN
    UPDATE usage SET changes = changes - 1, bytes = bytes - length(old.raw)
        WHERE document_no = old.document_no AND author = old.author;
END;
CREATE TRIGGER usage_aside_in AFTER INSERT ON aside BEGIN
    INSERT INTO usage VALUES (new.document_no, new.author, 1, length(new.raw), 0)
        ON CONFLICT DO UPDATE SET changes = changes + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER usage_aside_out AFTER DELETE ON aside BEGIN
    UPDATE usage SET changes = changes - 1, bytes = bytes - length(old.raw)
        WHERE document_no = old.document_no AND author = old.author;
END;
CREATE TRIGGER usage_statement_in AFTER INSERT ON statement BEGIN
    INSERT INTO usage VALUES (new.document_no, new.signer, 0, length(new.bytes), 1)
        ON CONFLICT DO UPDATE SET statements = statements + 1, bytes = bytes + excluded.bytes;
END;

-- Other devices, and where they were last known to be.
CREATE TABLE peer (
    device BLOB PRIMARY KEY,
    addresses TEXT NOT NULL,
    seen_at INTEGER
) STRICT, WITHOUT ROWID;

-- Tickets that were given out.
CREATE TABLE invitation (
    secret BLOB PRIMARY KEY,
    document_no INTEGER NOT NULL REFERENCES document,
    role TEXT NOT NULL,
    made INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    approved INTEGER NOT NULL,
    state TEXT NOT NULL,
    device BLOB
) STRICT, WITHOUT ROWID;

-- What was refused, by whose fault.
CREATE TABLE culprit (
    device BLOB NOT NULL,
    why TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (device, why)
) STRICT, WITHOUT ROWID;
