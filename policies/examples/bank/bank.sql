CREATE TABLE customers (
    id int PRIMARY KEY,
    name varchar(40),
    phone varchar(20),
    id_card varchar(18),
    email varchar(60),
    region varchar(10),
    balance decimal(14, 2)
);
CREATE TABLE accounts (
    id int PRIMARY KEY,
    customer_id int,
    card_number varchar(19),
    currency char(3),
    amount decimal(14, 2)
);
INSERT INTO customers VALUES
    (1, 'Zhang Wei', '13812345601', '110101198001011237', 'zhang@example.com', 'East', 1200.00),
    (2, 'Li Na', '13912345602', '310101199002022346', 'lina@example.com', 'East', 9000000.00),
    (3, 'Wang Fang', '13712345603', '440101197003033455', 'wang@example.com', 'West', 64000.00);
INSERT INTO accounts VALUES
    (1, 1, '6222021234567890128', 'CNY', 1200.00),
    (2, 2, '6222029876543210987', 'USD', 9000000.00),
    (3, 3, '6222025555666677776', 'CNY', 64000.00);
