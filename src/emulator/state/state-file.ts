import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { parseJson } from "../http/http-exchange.ts";
import { isObject, type JsonObject } from "../model/api/json.ts";
import { lockFile } from "./lock-file.ts";
import type { InputRecord, RecordedInput } from "./recorded-input.ts";

/** A model's inputs in a file: a line for its set-up, and a line for each input. */
export interface StateFile {
  readonly record: InputRecord;
  /** When the first run began, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** What the first run began with. */
  readonly setUp: JsonObject;
  close(): void;
}

const FORMAT = 1;
const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
/** How each of these files begins. */
const BEGINNING = `{"format":${FORMAT},"startedAtMs":`;

interface Run {
  /** Its set-up, where the first run had the one that is `begun`. */
  readonly setUp: (begun: JsonObject | undefined) => JsonObject;
  readonly nowMs: number;
}

/**
 * Opens the file for this process alone, or begins it with this set-up. Rejects if it was begun with another
 * set-up: the inputs would lead to another state. A last line that a killed process left unfinished is
 * removed: no client has its answer. The first one is not: what followed it once can't be known.
 */
export async function openStateFile(path: string, run: Run): Promise<StateFile> {
  const file = openSync(path, "a+", 0o600);
  try {
    await lockFile(file, path);
    return stateIn(file, path, run);
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function stateIn(file: number, path: string, run: Run): StateFile {
  removeUnfinishedLine(file, path);
  const header = linesOf(file, path).next();
  const start =
    header.done === true
      ? { startedAtMs: run.nowMs, setUp: run.setUp(undefined) }
      : startOf(header.value, path, run);
  if (header.done === true) writeLine(file, { format: FORMAT, ...start });
  return {
    ...start,
    record: {
      *inputs() {
        const lines = linesOf(file, path);
        lines.next();
        // Written by this emulator; an input that is not is answered differently at the replay.
        for (const line of lines) yield line as unknown as RecordedInput;
      },
      append: (input) => writeLine(file, input),
    },
    close: () => closeSync(file),
  };
}

/** When the first run began, and with what. */
function startOf(
  { format, startedAtMs, setUp: begun }: JsonObject,
  path: string,
  run: Run,
): Pick<StateFile, "startedAtMs" | "setUp"> {
  if (format !== FORMAT || typeof startedAtMs !== "number" || !isObject(begun)) throw noState(path);
  const setUp = run.setUp(begun);
  const differing = Object.keys(setUp).filter((name) => !isDeepStrictEqual(setUp[name], begun[name]));
  if (differing.length > 0)
    throw new Error(
      `${path} was begun with other values of ${differing.join(", ")}: ` +
        "use the same ones, or remove the file to begin again",
    );
  return { startedAtMs, setUp: begun };
}

function noState(path: string): Error {
  return new Error(`${path} is no state of this emulator: choose another folder`);
}

/** The lines of the file, each a JSON object. */
function* linesOf(file: number, path: string): Generator<JsonObject, undefined> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let rest = Buffer.alloc(0);
  let number = 0;
  let readBytes = 0;
  for (let position = 0; (readBytes = readSync(file, chunk, 0, CHUNK_BYTES, position)) > 0;) {
    position += readBytes;
    const text = Buffer.concat([rest, chunk.subarray(0, readBytes)]);
    let start = 0;
    for (let end = text.indexOf(NEWLINE); end !== -1; end = text.indexOf(NEWLINE, start)) {
      yield parsed(text.toString("utf8", start, end), { path, number: ++number });
      start = end + 1;
    }
    rest = text.subarray(start);
  }
  return undefined;
}

/** Ends the file after its last complete line. Throws if it has none, and is not empty. */
function removeUnfinishedLine(file: number, path: string): void {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const { size } = fstatSync(file);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const readBytes = readSync(file, chunk, 0, end - start, start);
    const newline = chunk.subarray(0, readBytes).lastIndexOf(NEWLINE);
    if (newline !== -1) return ftruncateSync(file, start + newline + 1);
    end = start;
  }
  const begun = chunk.toString("latin1", 0, readSync(file, chunk, 0, BEGINNING.length, 0));
  if (!BEGINNING.startsWith(begun)) throw noState(path);
  if (size > 0)
    throw new Error(`${path} is damaged: its first line has no end; remove the file to begin again`);
}

function parsed(text: string, at: { readonly path: string; readonly number: number }): JsonObject {
  const body = parseJson(text);
  if (body.ok && isObject(body.value)) return body.value;
  throw new Error(`${at.path}, line ${at.number}, is damaged: ${body.ok ? "no JSON object" : body.reason}`);
}

function writeLine(file: number, value: object): void {
  const line = Buffer.from(`${JSON.stringify(value)}\n`);
  for (let writtenBytes = 0; writtenBytes < line.length;) writtenBytes += writeSync(file, line, writtenBytes);
}
