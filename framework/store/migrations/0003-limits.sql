-- Since this format `base_item.gone` may be 2: the library lists the item no longer, because we hid it.

-- Paths beside a library's content that were looked at for licences: folders, which end with a slash, and
-- licences, with what tells whether they changed since.
CREATE TABLE looked_at (
    link_no INTEGER NOT NULL REFERENCES link,
    path BLOB NOT NULL,
    stamp TEXT NOT NULL,
    PRIMARY KEY (link_no, path)
) STRICT, WITHOUT ROWID;
