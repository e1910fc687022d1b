import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { mergeTags } from "../../core/volume/tags/merge-tags.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ArmDisk, ArmDiskChange } from "../arm/arm-api.ts";
import { BoundedCache } from "../bounded-cache.ts";

/** How long after a write a read may show the time before it, in milliseconds. */
const STALE_MAX_MS = 300_000;
const DISKS_MAX = 10_000;

/** Tags by name; undefined: removed. */
type TagChanges = Readonly<Record<string, string | undefined>>;

export interface DiskWrite {
  readonly fields: Omit<ArmDiskChange, "tags">;
  /** By name; others of the map were read, and are another client's. */
  readonly tags: TagChanges;
}

interface Written<V> {
  readonly value: V;
  readonly atMs: number;
  /** The term of leading in which it was written. */
  readonly term: number;
}

/** What the writes of a disk have made of it: fields and tags by name, with the time of each. */
interface WrittenDisk {
  readonly fields: ReadonlyMap<string, Written<unknown>>;
  /** By name in lower case. */
  readonly tags: ReadonlyMap<string, Written<{ readonly name: string; readonly value: string | undefined }>>;
  /** When the end of a write was not learnt: it may take effect after a read. */
  readonly uncertainAtMs?: number | undefined;
}

/**
 * What this process has lately written of disks, since a GET may show the time before a write: a disk has no
 * ETag. In memory: another process is not known to have written, so a leader forgets as its term begins.
 */
export class RecentDiskWrites {
  readonly #clock: Clock;
  readonly #disks: BoundedCache<WrittenDisk>;
  #term = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#disks = new BoundedCache({ clock, entriesMax: DISKS_MAX, maxAgeMs: STALE_MAX_MS });
  }

  /** Remembers a write that Azure has made. */
  made(diskUri: string, { fields, tags }: DiskWrite): void {
    const before = this.#writtenOf(diskUri);
    const when = { atMs: this.#clock.elapsedMs(), term: this.#term };
    this.#disks.set(resourceUriKey(diskUri), {
      ...before,
      fields: new Map([
        ...before.fields,
        ...Object.entries(fields).map(([name, value]) => [name, { value, ...when }] as const),
      ]),
      tags: new Map([
        ...before.tags,
        ...Object.entries(tags).map(
          ([name, value]) => [name.toLowerCase(), { value: { name, value }, ...when }] as const,
        ),
      ]),
    });
  }

  /** Remembers that a write may have been made, or may be made later. */
  mayBeMade(diskUri: string): void {
    const uncertainAtMs = this.#clock.elapsedMs();
    this.#disks.set(resourceUriKey(diskUri), { ...this.#writtenOf(diskUri), uncertainAtMs });
  }

  /** Whether a write may still change what a read shows. */
  isUncertain(diskUri: string): boolean {
    return this.#isRecent(this.#writtenOf(diskUri).uncertainAtMs);
  }

  /** The disk that a read has shown, with what was written lately, however old the read is. */
  shownBy(read: ArmDisk): ArmDisk {
    const { fields, tags } = this.#writtenOf(read.id);
    const isKnown = ({ atMs, term }: Written<unknown>): boolean =>
      term === this.#term && this.#isRecent(atMs);
    const written = [...fields].filter(([, field]) => isKnown(field));
    const tagged = [...tags.values()].filter(isKnown);
    return {
      ...read,
      ...Object.fromEntries(written.map(([name, { value }]) => [name, value])),
      tags: mergeTags(
        read.tags,
        Object.fromEntries(tagged.map(({ value: { name, value } }) => [name, value])),
      ),
    };
  }

  /** A disk that is created or deleted is another one. */
  forget(diskUri: string): void {
    this.#disks.drop(resourceUriKey(diskUri));
  }

  /** Another process may have written since. What this one has sent may still be made later. */
  forgetAll(): void {
    this.#term += 1;
  }

  #writtenOf(diskUri: string): WrittenDisk {
    return this.#disks.get(resourceUriKey(diskUri)) ?? { fields: new Map(), tags: new Map() };
  }

  #isRecent(atMs: number | undefined): boolean {
    return atMs !== undefined && this.#clock.elapsedMs() - atMs <= STALE_MAX_MS;
  }
}
