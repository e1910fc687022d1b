import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../../core/failure/message-of.ts";
import type { Kind } from "../../ports/store/object-store.ts";
import type { LoggedChange } from "../object-semantics/select-event.ts";
import { kinds } from "../object-semantics/stored-object.ts";
import type { ObjectMeta, StoredObject } from "../object-semantics/stored-object.ts";

const FORMAT = 1;
const GAPS_MAX = 64;
/**
 * Versions of a file begin at its time of birth in microseconds, so that no two files and no two histories
 * of one file share a version.
 */
const VERSIONS_PER_MS = 1000;

const SCHEMA = `
  CREATE TABLE versions (id INTEGER PRIMARY KEY CHECK (id = 1), current INTEGER NOT NULL) STRICT;
  CREATE TABLE horizons (kind TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE gaps (last INTEGER NOT NULL, first INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE objects (
    kind TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, version INTEGER NOT NULL,
    type TEXT NOT NULL, text TEXT NOT NULL, labels_before TEXT
  ) STRICT;
  CREATE INDEX events_of_kind ON events (kind, version);
  PRAGMA user_version = ${FORMAT};
`;

/** The store's file is in use, damaged or of another format; the message says which and what to do. */
export class StoreFileRefused extends Error {
  override readonly name = "StoreFileRefused";
}

/** A change with the version that it made. */
interface VersionedChange extends LoggedChange {
  readonly version: number;
}

/**
 * The embedded store's file: objects, the recent changes, and one version counter, moved together in one
 * transaction. SQLite in WAL mode with `synchronous=FULL`: a commit that returned survives a crash. Held
 * exclusively while it is open. Errors of SQLite are thrown.
 */
export interface StoreFile {
  readonly version: () => number;
  readonly object: (kind: Kind, name: string) => StoredObject | undefined;
  /** All objects of a kind, sorted by name. */
  readonly objects: (kind: Kind) => readonly StoredObject[];
  /** Changes of a kind after `version`, oldest first, at most `limit`. */
  readonly changesAfter: (kind: Kind, version: number, limit: number) => readonly VersionedChange[];
  /** Whether every change of a kind after `version` is still known. */
  readonly canResumeFrom: (kind: Kind, version: number) => boolean;
  /** Runs `write` in one transaction, on disk when this returns; a throw leaves nothing. */
  readonly transact: <T>(write: () => T) => T;
  /** Within `transact`: stores or removes (`type: "DELETED"`) the object of a change and logs it. */
  readonly apply: (kind: Kind, change: VersionedChange) => void;
  readonly close: () => void;
}

/**
 * Opens the store's file, creating it if there is none. Throws `StoreFileRefused` if it can't be opened,
 * another process or store has it open, or it is not a store.
 */
export function openStoreFile(options: {
  readonly file: string;
  readonly nowMs: number;
  readonly historyMax: number;
}): StoreFile {
  makeFile(options.file);
  const db = new DatabaseSync(options.file);
  try {
    lockFile(db, options.file);
    prepareFormat(db, options.file, options.nowMs);
    return storeFileOf(db, options.historyMax);
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Creates the file for its owner only, before SQLite would create it for everyone, and makes its name
 * durable.
 */
function makeFile(file: string): void {
  try {
    closeSync(openSync(file, "a", 0o600));
  } catch (error) {
    throw new StoreFileRefused(
      `store file ${file} can't be opened: ${messageOf(error)}. Name a file in a folder that exists, and ` +
        "that this process may write.",
      { cause: error },
    );
  }
  const directory = openSync(dirname(file), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function lockFile(db: DatabaseSync, file: string): void {
  try {
    // The lock belongs to the process and goes with it, however it ends; a stopped process keeps it, as
    // it must.
    db.exec(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN " +
        "IMMEDIATE; COMMIT;",
    );
  } catch (error) {
    const text = messageOf(error);
    const reason = /locked|busy/i.test(text)
      ? "another process or another store has it open. Only one process may open the file; the others " +
        "connect to that one's socket"
      : `it is not a store or is damaged (${text}). Restore it from a backup, or move it away to begin ` +
        "with an empty store";
    throw new StoreFileRefused(`store file ${file} can't be opened: ${reason}.`, { cause: error });
  }
}

function prepareFormat(db: DatabaseSync, file: string, nowMs: number): void {
  const format = Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (format !== 0 && format !== FORMAT)
    throw new StoreFileRefused(
      `store file ${file} has format ${format}, this program reads format ${FORMAT}: use the version of ` +
        "the program that wrote it.",
    );
  const birth = Math.max(1, Math.floor(nowMs) * VERSIONS_PER_MS);
  db.exec("BEGIN IMMEDIATE");
  try {
    if (format === 0) beginVersions(db, birth);
    else skipVersions(db, birth);
    const horizon = db.prepare(
      "INSERT INTO horizons (kind, version) VALUES (?, (SELECT current FROM versions)) ON CONFLICT DO " +
        "NOTHING",
    );
    for (const kind of kinds) horizon.run(kind);
    db.exec("COMMIT");
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

function beginVersions(db: DatabaseSync, birth: number): void {
  db.exec(SCHEMA);
  db.prepare("INSERT INTO versions (id, current) VALUES (1, ?)").run(birth);
}

/**
 * Each opening begins at a version that no earlier opening can have issued, even if this file was
 * restored from a backup: a version that a caller holds from the lost time then matches no object and
 * resumes no watch.
 */
function skipVersions(db: DatabaseSync, birth: number): void {
  const last = Number(db.prepare("SELECT current FROM versions").get()?.["current"]);
  const first = Math.max(last + 1, birth);
  db.prepare("UPDATE versions SET current = ?").run(first);
  db.prepare("INSERT INTO gaps (last, first) VALUES (?, ?)").run(last, first);
  const forgotten = db.prepare("SELECT first FROM gaps ORDER BY first DESC LIMIT 1 OFFSET ?").get(GAPS_MAX)?.[
    "first"
  ];
  if (forgotten === undefined) return;
  db.prepare("UPDATE horizons SET version = max(version, ?)").run(forgotten);
  db.prepare("DELETE FROM gaps WHERE first <= ?").run(forgotten);
}

function storeFileOf(db: DatabaseSync, historyMax: number): StoreFile {
  const selectObject = db.prepare("SELECT text FROM objects WHERE kind = ? AND name = ?");
  const selectObjects = db.prepare("SELECT text FROM objects WHERE kind = ? ORDER BY name");
  const selectChanges = db.prepare(
    "SELECT version, type, text, labels_before FROM events WHERE kind = ? AND version > ? ORDER BY " +
      "version LIMIT ?",
  );
  const putObject = db.prepare(
    "INSERT INTO objects (kind, name, text) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET text = excluded.text",
  );
  const removeObject = db.prepare("DELETE FROM objects WHERE kind = ? AND name = ?");
  const putEvent = db.prepare(
    "INSERT INTO events (kind, version, type, text, labels_before) VALUES (?, ?, ?, ?, ?) RETURNING sequence",
  );
  const trimEvents = db.prepare("DELETE FROM events WHERE sequence <= ? RETURNING kind, version");
  const raiseHorizon = db.prepare("UPDATE horizons SET version = max(version, ?) WHERE kind = ?");
  const setVersion = db.prepare("UPDATE versions SET current = ?");

  let current = Number(db.prepare("SELECT current FROM versions").get()?.["current"]);
  const gaps = db
    .prepare("SELECT last, first FROM gaps")
    .all()
    .map((row) => ({ last: Number(row["last"]), first: Number(row["first"]) }));
  let horizons = readHorizons(db);

  return {
    version: () => current,
    object: (kind, name) => {
      const row = selectObject.get(kind, name);
      return row === undefined ? undefined : parseObject(row["text"]);
    },
    objects: (kind) => selectObjects.all(kind).map((row) => parseObject(row["text"])),
    changesAfter: (kind, version, limit) =>
      selectChanges.all(kind, version, limit).map((row) => ({
        version: Number(row["version"]),
        type: row["type"] as LoggedChange["type"],
        object: parseObject(row["text"]),
        labelsBefore:
          row["labels_before"] === null
            ? undefined
            : (JSON.parse(String(row["labels_before"])) as ObjectMeta["labels"]),
      })),
    canResumeFrom: (kind, version) =>
      version >= (horizons.get(kind) ?? Infinity) &&
      version <= current &&
      !gaps.some((gap) => gap.last < version && version < gap.first),
    transact: (write) => {
      const before = { current, horizons };
      db.exec("BEGIN IMMEDIATE");
      try {
        const result = write();
        if (current !== before.current) setVersion.run(current);
        db.exec("COMMIT");
        return result;
      } catch (error) {
        if (db.isTransaction) db.exec("ROLLBACK");
        ({ current, horizons } = before);
        throw error;
      }
    },
    apply: (kind, change) => {
      const text = JSON.stringify(change.object);
      const { name } = change.object.metadata;
      if (change.type === "DELETED") removeObject.run(kind, name);
      else putObject.run(kind, name, text);
      const labelsBefore = change.labelsBefore === undefined ? null : JSON.stringify(change.labelsBefore);
      const sequence = Number(
        putEvent.get(kind, change.version, change.type, text, labelsBefore)?.["sequence"],
      );
      for (const row of trimEvents.all(sequence - historyMax)) {
        raiseHorizon.run(Number(row["version"]), String(row["kind"]));
        horizons = new Map([...horizons, [String(row["kind"]), Number(row["version"])]]);
      }
      current = change.version;
    },
    close: () => db.close(),
  };
}

function readHorizons(db: DatabaseSync): ReadonlyMap<string, number> {
  return new Map(
    db
      .prepare("SELECT kind, version FROM horizons")
      .all()
      .map((row) => [String(row["kind"]), Number(row["version"])]),
  );
}

/** What is in the file was checked when it was written. */
function parseObject(text: unknown): StoredObject {
  return JSON.parse(String(text)) as StoredObject;
}
