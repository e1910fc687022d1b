import type { CheckpointDisk, DiskFile } from "../checkpoint-disk.ts";

/** What a disk writes whole, in bytes. */
const SECTOR_BYTES = 512;
/** Of how many sectors every mix of old and new is tried. */
const SECTORS_MIXED_MAX = 5;

/** What becomes of the calls of a process, counted from 1. */
export interface Fate {
  /** This call fails with an input/output error. */
  readonly failsAt?: number;
  /** The process is killed before this one. */
  readonly killedAt?: number;
}

interface Inode {
  /** What the kernel has in memory. */
  readonly memory: Buffer;
  readonly disk: Buffer;
  /** Sectors that the next sync writes. A sync that fails forgets them, as Linux does. */
  readonly dirty: ReadonlySet<number>;
}

type Names = ReadonlyMap<string, number>;

/** A file system at one moment. */
export interface DiskState {
  readonly inodes: readonly Inode[];
  readonly names: Names;
  /** Names as they are on the disk, and after each change since, of which the disk may have any number. */
  readonly nameSteps: readonly Names[];
}

/** Files that have been on the disk for long, by their paths. */
export function diskWith(files: Readonly<Record<string, Buffer>>): DiskState {
  const names = new Map(Object.keys(files).map((path, index) => [path, index]));
  const inodes = Object.values(files).map((bytes) => ({
    memory: bytes,
    disk: bytes,
    dirty: new Set<number>(),
  }));
  return { inodes, names, nameSteps: [names] };
}

/**
 * What makes names durable: the sync of their folder, or of the files themselves, where no folder can be
 * opened. NTFS has one journal for all names, which a sync writes up to the file's last record.
 */
export type NameSync = "folder" | "file";

/** The disk of one process: it continues from `state`, and meets its fate. */
export function createCrashDisk(
  state: DiskState,
  { failsAt, killedAt = Infinity }: Fate,
  nameSync: NameSync = "folder",
): { readonly disk: CheckpointDisk; readonly state: () => DiskState; readonly calls: () => number } {
  const inodes = [...state.inodes];
  let names = state.names;
  let nameSteps = state.nameSteps;
  let calls = 0;

  const inodeAt = (index: number): Inode => {
    const inode = inodes[index];
    if (inode === undefined) throw new Error(`no inode ${index}`);
    return inode;
  };
  const rename = (change: (to: Map<string, number>) => void): void => {
    const changed = new Map(names);
    change(changed);
    names = changed;
    nameSteps = [...nameSteps, changed];
  };
  /** Each call passes here before it takes effect. */
  const begin = async (onFailure: () => void = () => undefined): Promise<void> => {
    calls += 1;
    await Promise.resolve();
    if (calls >= killedAt) throw new Error("the process is dead");
    if (calls !== failsAt) return;
    onFailure();
    throw Object.assign(new Error("EIO: planted"), { code: "EIO" });
  };
  const missing = (path: string): Error => Object.assign(new Error(`no ${path}`), { code: "ENOENT" });

  const write = (index: number, at: number, bytes: Buffer): void => {
    const { memory, disk, dirty } = inodeAt(index);
    const longer = Buffer.concat([memory], Math.max(memory.length, at + bytes.length));
    bytes.copy(longer, at);
    const sectors = new Set(dirty);
    for (let sector = Math.floor(at / SECTOR_BYTES); sector * SECTOR_BYTES < at + bytes.length; sector += 1)
      sectors.add(sector);
    inodes[index] = { memory: longer, disk, dirty: sectors };
  };
  const sync = async (index: number): Promise<void> => {
    await begin(() => {
      inodes[index] = { ...inodeAt(index), dirty: new Set() };
    });
    const { memory, disk, dirty } = inodeAt(index);
    inodes[index] = { memory, disk: mixOf(disk, memory, dirty), dirty: new Set() };
    if (nameSync === "file") nameSteps = [names];
  };

  const fileOf = (index: number, appends: boolean): DiskFile => ({
    writeFile: async (bytes) => {
      const at = appends ? inodeAt(index).memory.length : 0;
      // A kill, and a full disk, may leave a part of it.
      for (const [from, to] of [
        [0, SECTOR_BYTES],
        [SECTOR_BYTES, bytes.length],
      ] as const) {
        await begin();
        write(index, at + from, bytes.subarray(from, to));
      }
    },
    truncate: async (sizeBytes) => {
      await begin();
      const { memory, disk, dirty } = inodeAt(index);
      inodes[index] = { memory: memory.subarray(0, sizeBytes), disk: disk.subarray(0, sizeBytes), dirty };
    },
    sync: () => sync(index),
    datasync: () => sync(index),
    close: async () => Promise.resolve(),
  });
  const folder: DiskFile = {
    ...fileOf(-1, false),
    sync: async () => {
      await begin();
      nameSteps = [names];
    },
  };

  const disk: CheckpointDisk = {
    opensFolders: nameSync === "folder",
    readFile: async (path) => {
      await begin();
      const index = names.get(path);
      if (index === undefined) throw missing(path);
      return Buffer.from(inodeAt(index).memory);
    },
    open: async (path, flags) => {
      await begin();
      if (flags === "r" && nameSync === "folder") return folder;
      if (flags === "r") throw Object.assign(new Error(`${path} is a folder`), { code: "EPERM" });
      const index = names.get(path);
      if (index !== undefined && flags !== "w") return fileOf(index, flags === "a");
      if (flags !== "w") throw missing(path);
      // A file that was there is another one from now on: of it no test needs anything.
      inodes.push({ memory: Buffer.alloc(0), disk: Buffer.alloc(0), dirty: new Set() });
      rename((to) => to.set(path, inodes.length - 1));
      return fileOf(inodes.length - 1, false);
    },
    rename: async (from, to) => {
      await begin();
      const index = names.get(from);
      if (index === undefined) throw missing(from);
      rename((changed) => {
        changed.delete(from);
        changed.set(to, index);
      });
    },
    rm: async (path) => {
      await begin();
      rename((changed) => changed.delete(path));
    },
  };
  return { disk, state: () => ({ inodes: [...inodes], names, nameSteps }), calls: () => calls };
}

/** Every state in which the machine may start again after its power has failed. */
export function afterPowerFailure({ inodes, nameSteps }: DiskState): readonly DiskState[] {
  return nameSteps.flatMap((names) => {
    let states: readonly (readonly (readonly [string, Buffer])[])[] = [[]];
    for (const [path, index] of names) {
      const inode = inodes[index];
      if (inode === undefined) continue;
      states = states.flatMap((before) =>
        remainsOf(inode).map((bytes) => [...before, [path, bytes] as const]),
      );
    }
    return states.map((files) => diskWith(Object.fromEntries(files)));
  });
}

/** A file's bytes on the disk: of each sector that was not synced, what was there, or what was written. */
function remainsOf({ memory, disk }: Inode): readonly Buffer[] {
  const sectors = Array.from({ length: Math.ceil(memory.length / SECTOR_BYTES) }, (_, sector) => sector);
  const differing = sectors.filter((sector) => !sectorOf(memory, sector).equals(sectorOf(disk, sector)));
  const isInside = (sector: number): boolean => sector * SECTOR_BYTES < disk.length;
  // Sectors behind the old end differ all together: they are padding, or the kernel has not written them.
  const behind = differing.filter((sector) => !isInside(sector));
  return choicesOf(differing.filter(isInside))
    .map((chosen) => mixOf(disk, memory, new Set(chosen)))
    .flatMap((bytes) =>
      behind.length === 0
        ? [bytes]
        : [bytes, mixOf(bytes, memory, new Set(behind)), Buffer.concat([bytes], memory.length)],
    );
}

/** All subsets of a few; of many the first ones, or the last ones. */
function choicesOf(sectors: readonly number[]): readonly (readonly number[])[] {
  if (sectors.length <= SECTORS_MIXED_MAX)
    return Array.from({ length: 2 ** sectors.length }, (_, choice) =>
      sectors.filter((_sector, bit) => (choice >> bit) % 2 === 1),
    );
  return [0, 1, 2, Math.floor(sectors.length / 2), sectors.length - 1, sectors.length].flatMap((end) => [
    sectors.slice(0, end),
    sectors.slice(end),
  ]);
}

function sectorOf(bytes: Buffer, sector: number): Buffer {
  return bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
}

/** `under`, with the given sectors of `over`. */
function mixOf(under: Buffer, over: Buffer, sectors: ReadonlySet<number>): Buffer {
  const last = Math.max(-1, ...sectors);
  const length = Math.max(under.length, Math.min(over.length, (last + 1) * SECTOR_BYTES));
  const mixed = Buffer.concat([under], length);
  for (const sector of sectors) sectorOf(over, sector).copy(mixed, sector * SECTOR_BYTES);
  return mixed;
}
