CREATE TABLE document (
    no INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    schema TEXT NOT NULL,
    root_statement BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE statement (
    document_no INTEGER NOT NULL REFERENCES document,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL,
    signature BLOB NOT NULL,
    signer BLOB NOT NULL,
    PRIMARY KEY (document_no, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
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
CREATE INDEX log_by_shard ON log (document_no, shard, n);
CREATE INDEX log_by_operation ON log (document_no, operation) WHERE operation IS NOT NULL;

CREATE TABLE shard_heads (
    document_no INTEGER NOT NULL REFERENCES document,
    shard INTEGER NOT NULL,
    heads BLOB NOT NULL,
    PRIMARY KEY (document_no, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE shard (
    document_no INTEGER NOT NULL REFERENCES document,
    shard INTEGER NOT NULL,
    heads BLOB NOT NULL,
    saved BLOB NOT NULL,
    log_len INTEGER NOT NULL,
    UNIQUE (document_no, shard)
) STRICT;

CREATE TABLE link (
    no INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    document_no INTEGER NOT NULL REFERENCES document,
    app TEXT NOT NULL,
    path BLOB NOT NULL,
    root BLOB,
    writes_tags INTEGER NOT NULL,
    active INTEGER NOT NULL,
    revision TEXT,
    read_only TEXT,
    linked_at INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE base_item (
    link_no INTEGER NOT NULL,
    container BLOB NOT NULL,
    native BLOB NOT NULL,
    item BLOB NOT NULL,
    gone INTEGER NOT NULL,
    shown BLOB,
    packed BLOB NOT NULL,
    PRIMARY KEY (link_no, container, native)
) STRICT, WITHOUT ROWID;
CREATE INDEX base_item_by_item ON base_item (link_no, item);

CREATE TABLE base_collection (
    link_no INTEGER NOT NULL REFERENCES link,
    native BLOB NOT NULL,
    collection BLOB NOT NULL,
    entries BLOB NOT NULL,
    shown BLOB,
    packed BLOB NOT NULL,
    UNIQUE (link_no, native)
) STRICT;

CREATE TABLE link_heads (
    link_no INTEGER NOT NULL REFERENCES link,
    shard INTEGER NOT NULL,
    heads BLOB NOT NULL,
    PRIMARY KEY (link_no, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE budget (
    link_no INTEGER NOT NULL REFERENCES link,
    kind TEXT NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (link_no, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE written_value (
    link_no INTEGER NOT NULL REFERENCES link,
    native BLOB NOT NULL,
    field TEXT NOT NULL,
    value_hash INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (link_no, native, field, value_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE operation (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    summary TEXT NOT NULL,
    plan TEXT,
    undoes INTEGER,
    undone_by INTEGER,
    state TEXT NOT NULL
) STRICT;

CREATE TABLE operation_link (
    n INTEGER NOT NULL REFERENCES operation,
    link BLOB NOT NULL,
    before TEXT,
    after TEXT,
    backup TEXT,
    written INTEGER NOT NULL,
    PRIMARY KEY (n, link)
) STRICT, WITHOUT ROWID;

CREATE TABLE intent (
    n INTEGER NOT NULL,
    link BLOB NOT NULL,
    changes BLOB NOT NULL,
    extra BLOB NOT NULL,
    UNIQUE (n, link)
) STRICT;

CREATE TABLE plan (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE question (
    document_no INTEGER NOT NULL REFERENCES document,
    a BLOB NOT NULL,
    b BLOB NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (document_no, a, b)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE view_heads (
    document_no INTEGER NOT NULL REFERENCES document,
    shard INTEGER NOT NULL,
    heads BLOB NOT NULL,
    PRIMARY KEY (document_no, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE view (
    document_no INTEGER NOT NULL REFERENCES document,
    id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    sort_text TEXT NOT NULL,
    folded TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (document_no, id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX view_by_shard ON view (document_no, shard);

CREATE TABLE conflict (
    document_no INTEGER NOT NULL REFERENCES document,
    shard INTEGER NOT NULL,
    id BLOB NOT NULL,
    field TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (document_no, shard, id, field)
) STRICT, WITHOUT ROWID;
