-- A till database as a small chain kept it for fifteen years, and the tables its ERP takes orders from.
CREATE TABLE till_receipts (
    id integer PRIMARY KEY,
    store char(6) NOT NULL,
    till smallint NOT NULL,
    rung_at timestamp NOT NULL,
    changed_at timestamp NOT NULL,
    cashier varchar(20),
    currency char(3) NOT NULL,
    total numeric(12, 2) NOT NULL
);
CREATE INDEX till_receipts_changed ON till_receipts (changed_at, id);
CREATE TABLE till_lines (
    receipt integer NOT NULL REFERENCES till_receipts,
    line_no smallint NOT NULL,
    sku char(12) NOT NULL,
    label varchar(60) NOT NULL,
    qty numeric(10, 3) NOT NULL,
    price numeric(12, 2) NOT NULL,
    net numeric(12, 2) NOT NULL,
    vat numeric(12, 2) NOT NULL,
    PRIMARY KEY (receipt, line_no)
);
CREATE TABLE till_payments (
    receipt integer NOT NULL REFERENCES till_receipts,
    kind char(4) NOT NULL,
    amount numeric(12, 2) NOT NULL
);
CREATE TABLE articles (sku char(12) PRIMARY KEY, label varchar(60) NOT NULL, vat char(1) NOT NULL);
CREATE TABLE hub_orders (
    hub_ref varchar(60) PRIMARY KEY,
    hub_mark char(32) NOT NULL,
    status varchar(10) NOT NULL,
    number varchar(40) NOT NULL UNIQUE,
    store varchar(6),
    booked_at timestamptz NOT NULL,
    total numeric(12, 2) NOT NULL CHECK (total >= 0),
    erp_number varchar(20),
    answer varchar(200)
);
CREATE TABLE hub_order_lines (
    hub_ref varchar(60) NOT NULL REFERENCES hub_orders ON DELETE CASCADE,
    line_no smallint NOT NULL,
    sku varchar(12) NOT NULL,
    qty numeric(10, 3) NOT NULL,
    net numeric(12, 2) NOT NULL
);
