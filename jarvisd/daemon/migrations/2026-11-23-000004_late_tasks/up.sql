-- What ended as unknown may still show its task: it is given that task, and once its end is known that end. Any other
-- outcome stands, and no task is ever exchanged for another. The audit keeps what was told before.
DROP TRIGGER intents_keep_what_was_meant;

CREATE TRIGGER intents_keep_what_was_meant BEFORE UPDATE ON intents
WHEN (OLD.ended IS NOT NULL AND OLD.ended IS NOT 'unknown')
    OR (OLD.ended IS 'unknown' AND (NEW.ended IS NULL OR NEW.upid IS NULL))
    OR NEW.number IS NOT OLD.number OR NEW.id IS NOT OLD.id OR NEW.hash IS NOT OLD.hash
    OR NEW.operation IS NOT OLD.operation OR NEW.caller IS NOT OLD.caller OR NEW.target IS NOT OLD.target
    OR NEW.meant IS NOT OLD.meant OR NEW.wall_ms IS NOT OLD.wall_ms OR NEW.boot_ms IS NOT OLD.boot_ms
    OR NEW.boot IS NOT OLD.boot OR (OLD.upid IS NOT NULL AND NEW.upid IS NOT OLD.upid)
BEGIN SELECT RAISE(ABORT, 'an intent is never rewritten'); END;
