-- The five answers of each problem in both languages, for pages: JSON, a list of pairs of question and answer. Every statement may run twice.

ALTER TABLE pixel.problems$on_cluster ADD COLUMN IF NOT EXISTS answers String CODEC(ZSTD(3)) AFTER sentence_ru;
ALTER TABLE pixel.problems$on_cluster ADD COLUMN IF NOT EXISTS answers_ru String CODEC(ZSTD(3)) AFTER answers;
