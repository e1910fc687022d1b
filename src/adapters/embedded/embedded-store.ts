import { storeUnavailable } from "../../core/failure/frequent-failures.ts";
import { messageOf } from "../../core/failure/message-of.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Result } from "../../core/failure/result.ts";
import { hasCode } from "../../core/primitives/error-code.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import { WatchBroken, WatchGone } from "../../ports/store/object-store.ts";
import type {
  Kind,
  KindMap,
  LabelSelector,
  ObjectStore,
  WatchEvent,
} from "../../ports/store/object-store.ts";
import { createChangeSignal } from "../object-semantics/change-signal.ts";
import type { ChangeSignal } from "../object-semantics/change-signal.ts";
import { decideWrite } from "../object-semantics/decide-write.ts";
import type { WriteRequest } from "../object-semantics/decide-write.ts";
import { getFrom, listFrom, versionOf } from "../object-semantics/read-verbs.ts";
import { selectedType } from "../object-semantics/select-event.ts";
import { asKind, kinds } from "../object-semantics/stored-object.ts";
import type { StoredObject } from "../object-semantics/stored-object.ts";
import { writeVerbs } from "../object-semantics/write-verbs.ts";
import { openStoreFile } from "./store-file.ts";
import { createWriteQueue } from "./write-queue.ts";

const HISTORY_MAX = 10_000;
const BOOKMARK_INTERVAL_MS = 10_000;
const WATCH_BATCH_MAX = 256;

export interface EmbeddedStoreOptions {
  /** Path of the store's file, created if missing; `-wal` lies beside it. */
  readonly file: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Changes that are kept for watches, over all kinds. Default 10,000. */
  readonly historyMax?: number;
  /** Milliseconds after which a watch that is quiet gets a bookmark. Default 10,000. */
  readonly bookmarkIntervalMs?: number;
}

/** An object store in a file of this machine, for one process; `serveEmbeddedStore` serves it to others. */
export interface EmbeddedStore extends ObjectStore {
  /**
   * Ends every watch (`WatchBroken`), answers waiting writes with `StoreUnavailable`, and closes the
   * file.
   */
  close(): void;
}

/**
 * Opens the store. Throws `StoreFileRefused` if another process or store has the file open, or it is not a
 * store.
 */
export function openEmbeddedStore(options: EmbeddedStoreOptions): EmbeddedStore {
  const { clock, random } = options;
  const file = openStoreFile({
    file: options.file,
    nowMs: clock.nowMs(),
    historyMax: options.historyMax ?? HISTORY_MAX,
  });
  const signals = new Map<Kind, ChangeSignal>(kinds.map((kind) => [kind, createChangeSignal(clock)]));
  const changed = new Set<Kind>();
  let isClosed = false;

  const writes = createWriteQueue<StoredObject>({
    transact: file.transact,
    isStoreError,
    afterCommit: () => {
      for (const kind of changed) signals.get(kind)?.notify();
      changed.clear();
    },
  });

  function apply(request: WriteRequest): Result<StoredObject> {
    const current = file.object(request.kind, request.name);
    const version = file.version() + 1;
    const decision = decideWrite(request, current, {
      resourceVersion: String(version),
      nowMs: clock.nowMs(),
      newUid: () => random.uuid(),
    });
    if (!decision.ok) return decision;
    const { change, object } = decision.value;
    if (change === undefined) return ok(object);
    file.apply(request.kind, { type: change, version, object, labelsBefore: current?.metadata.labels });
    changed.add(request.kind);
    return ok(object);
  }

  async function write<K extends Kind>(
    request: WriteRequest & { readonly kind: K },
    signal: AbortSignal,
  ): Promise<Result<KindMap[K]>> {
    const written = await writes.add(() => apply(request), signal);
    return written.ok ? ok(asKind<K>(written.value)) : written;
  }

  function read<T>(signal: AbortSignal, from: () => Result<T>): Promise<Result<T>> {
    if (signal.aborted) return Promise.resolve(fail({ kind: "Cancelled" }));
    if (isClosed) return Promise.resolve(storeUnavailable("the store is closed"));
    try {
      return Promise.resolve(from());
    } catch (error) {
      if (!isStoreError(error)) return Promise.reject(error);
      return Promise.resolve(storeUnavailable(`the store's file can't be read: ${messageOf(error)}`));
    }
  }

  async function* watch<K extends Kind>(
    kind: K,
    selector: LabelSelector,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<K>, void, undefined> {
    const bookmarkIntervalMs = options.bookmarkIntervalMs ?? BOOKMARK_INTERVAL_MS;
    let seen = versionOf(resourceVersion);
    let isQuiet = false;
    while (!signal.aborted) {
      if (isClosed) throw new WatchBroken("the store was closed");
      if (!file.canResumeFrom(kind, seen))
        throw new WatchGone(`version ${resourceVersion} of ${kind} is not in the store's history`);
      const current = file.version();
      const changes = file.changesAfter(kind, seen, WATCH_BATCH_MAX);
      for (const change of changes) {
        seen = change.version;
        const type = selectedType(change, selector);
        if (type !== undefined) yield { type, object: asKind<K>(change.object) };
        if (signal.aborted) return;
      }
      if (changes.length > 0) continue;
      seen = current;
      if (isQuiet) yield { type: "BOOKMARK", resourceVersion: String(seen) };
      // During the yield above, writes may have been made that notified no waiter.
      if (file.version() !== seen) {
        isQuiet = false;
        continue;
      }
      isQuiet = (await signals.get(kind)?.wait(bookmarkIntervalMs, signal)) === "quiet";
    }
  }

  const store: EmbeddedStore = {
    get: (kind, name, signal) => read(signal, () => getFrom(file, kind, name)),
    list: (kind, selector, signal) => read(signal, () => listFrom(file, kind, selector)),
    ...writeVerbs(write),
    watch,
    close: () => {
      if (isClosed) return;
      isClosed = true;
      writes.close();
      for (const signal of signals.values()) signal.notify();
      file.close();
    },
  };
  return store;
}

function isStoreError(error: unknown): boolean {
  return hasCode(error, "ERR_SQLITE_ERROR");
}
