-- The tables of the database: they tell a 1.x installation from others.
SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name
