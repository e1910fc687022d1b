import { existsSync, readdirSync, renameSync, statSync } from "node:fs";
import {
  cp,
  mkdir,
  open,
  readdir,
  realpath,
  rm,
  rmdir,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const MIB = 1024 * 1024;
/** Windows makes a reserved partition on a disk that it initializes. */
const RESERVED_BYTES = 16 * MIB;
/** More than lies before the partition that the adapter makes. */
const START_BYTES = 40 * MIB;
const RESERVED_TYPE = "{e3c9e316-0b5c-4db8-817d-f92df00215ae}";
const DATA_TYPE = "{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}";

/** A partition, with its volume if it holds data. */
export interface ModelPartition {
  readonly number: number;
  readonly type: string;
  readonly offset: number;
  size: number;
  /** Ends the path of its volume. */
  guid: string;
  readonly folders: string[];
  /** Such as `E`, which Windows gives a partition that another tool has made; empty: none. */
  letter: string;
  fileSystem: string;
  clusterBytes: number;
  /** How Windows reports it, such as `OK` and `Scan Needed`. */
  states: string[];
  openFiles: number;
}

/** A managed disk: what stays of it wherever it is attached. */
export interface ModelDisk {
  readonly uniqueId: string;
  size: number;
  style: "RAW" | "GPT" | "MBR";
  guid: string | null;
  partitions: ModelPartition[];
  readonly rawFile: string;
  /** Where the files of its volume are at present. */
  files: string;
}

/** A disk in its place on the machine. */
export interface AttachedDisk {
  readonly number: number;
  readonly lun: number;
  readonly bus: "SAS" | "NVMe";
  readonly disk: ModelDisk;
  isOffline: boolean;
  isReadOnly: boolean;
}

/**
 * The disks of a modelled Windows machine, on real files: a raw disk is a sparse file, a volume a folder, and
 * a mount a link to it.
 */
export class WindowsMachine {
  readonly root: string;
  readonly attached: AttachedDisk[] = [];
  /** What the Storage provider last saw of each disk: `Get-Disk` and `Get-Partition` answer this. */
  readonly #cache = new Map<AttachedDisk, AttachedDisk>();
  /** The ids of the plug-in's processes that live, each with a worker. */
  readonly plugins = new Set<number>();
  /** Workers whose plug-in has ended: the id that it had, and when they began. */
  readonly orphans: { readonly parent: number; readonly createdAtMs: number }[] = [];
  /** What a cmdlet waits for before it runs. */
  pause: { readonly cmdlet: string; readonly until: Promise<void>; readonly reached: () => void } | undefined;
  /** What the answer of a cmdlet waits for after it has run. */
  hold: WindowsMachine["pause"];
  /** The cmdlet that answers as of now, while the other one still answers from the cache. */
  listAsNow: "Get-Disk" | "Get-Partition" | undefined;
  /** The cmdlet whose next call fails. */
  refused: string | undefined;
  /** What `Get-Disk` reports otherwise, by the number of a disk; undefined: the property is missing. */
  readonly odd = new Map<number, Readonly<Record<string, unknown>>>();
  /** Further rows of `Get-Disk`. */
  readonly otherRows: Readonly<Record<string, unknown>>[] = [];
  /** What `Get-Partition` reports otherwise, by the number of a disk; undefined: the property is missing. */
  readonly oddPartitions = new Map<number, Readonly<Record<string, unknown>>>();
  /** Further rows of `Get-Partition`. */
  readonly otherPartitions: Readonly<Record<string, unknown>>[] = [];
  /** The cmdlets that were called, each with its parameters. */
  readonly calls: { readonly cmdlet: string; readonly parameters: unknown }[] = [];
  #made = 0;

  constructor(root: string) {
    this.root = root;
  }

  get devices(): string {
    return `${join(this.root, "devices")}/`;
  }

  async makeDisk(size: number): Promise<ModelDisk> {
    this.#made += 1;
    const disk: ModelDisk = {
      uniqueId: `60022480${String(this.#made).padStart(24, "0")}`,
      size,
      style: "RAW",
      guid: null,
      partitions: [],
      rawFile: join(this.root, `disk-${this.#made}`),
      files: join(this.root, `files-${this.#made}`),
    };
    await writeFile(disk.rawFile, "");
    await truncate(disk.rawFile, size);
    await mkdir(disk.files);
    return disk;
  }

  /** Another managed disk with the content of one, as Azure makes it from a snapshot or a clone. */
  async copyDisk(source: ModelDisk): Promise<ModelDisk> {
    const copy = await this.makeDisk(source.size);
    await cp(source.files, copy.files, { recursive: true });
    await this.#copyStart(source, copy);
    const partitions = source.partitions.map((partition) => ({ ...partition, folders: [] }));
    return Object.assign(copy, { style: source.style, guid: source.guid, partitions });
  }

  /** The disks as the Storage provider last saw them: a disk that goes or comes changes nothing here. */
  shownBy(cmdlet: "Get-Disk" | "Get-Partition"): readonly AttachedDisk[] {
    return this.listAsNow === cmdlet ? this.attached : [...this.#cache.values()];
  }

  /** The Storage provider looks at all disks. */
  updateCache(): void {
    this.#cache.clear();
    for (const at of this.attached) this.#cache.set(at, structuredClone(at));
  }

  /** The Storage provider has changed a disk itself. */
  updateCacheOf(at: AttachedDisk): void {
    if (this.#cache.has(at)) this.#cache.set(at, structuredClone(at));
  }

  /** A new disk comes online, or stays offline: the machine's SAN policy. It gets the lowest free number. */
  async attach({
    lun,
    disk,
    bus = "SAS",
  }: {
    readonly lun: number;
    readonly disk: ModelDisk;
    readonly bus?: AttachedDisk["bus"];
  }): Promise<void> {
    let number = 2;
    while (this.attached.some((other) => other.number === number)) number += 1;
    this.attached.push({ number, lun, bus, disk, isOffline: true, isReadOnly: true });
    await mkdir(this.devices, { recursive: true });
    await symlink(disk.rawFile, `${this.devices}PhysicalDrive${number}`);
  }

  /** The folders at which it was mounted stay, and lead nowhere. */
  async detach(lun: number): Promise<ModelDisk> {
    const at = this.atLun(lun);
    this.attached.splice(this.attached.indexOf(at), 1);
    await rm(`${this.devices}PhysicalDrive${at.number}`);
    this.#made += 1;
    const files = join(this.root, `files-${this.#made}`);
    renameSync(at.disk.files, files);
    at.disk.files = files;
    for (const partition of at.disk.partitions) partition.folders.length = 0;
    return at.disk;
  }

  atLun(lun: number): AttachedDisk {
    const at = this.attached.find((each) => each.lun === lun);
    if (at === undefined) throw new Error(`no disk at LUN ${lun}`);
    return at;
  }

  byUniqueId(uniqueId: string): AttachedDisk {
    return present(
      this.attached.find((each) => each.disk.uniqueId === uniqueId),
      `disk ${uniqueId}`,
    );
  }

  online(number: number): AttachedDisk {
    const at = present(
      this.attached.find((each) => each.number === number),
      `disk ${number}`,
    );
    if (at.isOffline) throw new Error(`disk ${number} is offline`);
    return at;
  }

  partition(diskNumber: number, number: number): ModelPartition {
    return present(
      this.online(diskNumber).disk.partitions.find((each) => each.number === number),
      `partition ${number} of disk ${diskNumber}`,
    );
  }

  /** The volume with a path, of a disk that is online. */
  volume(path: string): { readonly at: AttachedDisk; readonly partition: ModelPartition } {
    const found = this.attached
      .filter(({ isOffline }) => !isOffline)
      .flatMap((at) => at.disk.partitions.map((partition) => ({ at, partition })))
      .find(({ partition }) => partition.type === DATA_TYPE && volumePath(partition) === path);
    return present(found, `volume ${path}`);
  }

  async initialize(at: AttachedDisk): Promise<void> {
    if (at.disk.style !== "RAW") throw new Error("The disk has already been initialized.");
    if (at.isOffline || at.isReadOnly) throw new Error("The media is write protected.");
    at.disk.style = "GPT";
    at.disk.guid = this.#aGuid();
    at.disk.partitions = [this.#aPartition(1, RESERVED_TYPE, 17_408, RESERVED_BYTES)];
    await this.#dirtyEnds(at.disk);
  }

  addPartition(number: number, offset: number): void {
    const { disk } = this.online(number);
    if (disk.style !== "GPT") throw new Error("The disk has not been initialized.");
    if (disk.partitions.some((each) => each.offset + each.size > offset))
      throw new Error("Not enough available capacity");
    disk.partitions.push(this.#aPartition(2, DATA_TYPE, offset, disk.size - offset - MIB));
  }

  /** Leaves what is in the sectors: only the partitions are gone. */
  clear(at: AttachedDisk): void {
    if (at.disk.style === "RAW") throw new Error("The disk has not been initialized.");
    at.disk.style = "RAW";
    at.disk.guid = null;
    at.disk.partitions = [];
  }

  async format(path: string, fileSystem: string): Promise<void> {
    const { at, partition } = this.volume(path);
    for (const name of await readdir(at.disk.files)) await rm(join(at.disk.files, name), { recursive: true });
    await this.writeRaw(at.disk, partition.offset, `\u00eb\u0052\u0090${fileSystem.padEnd(8)}`);
    partition.fileSystem = fileSystem;
  }

  async addFolder(diskNumber: number, number: number, path: string): Promise<void> {
    const partition = this.partition(diskNumber, number);
    await rmdir(path);
    await symlink(this.online(diskNumber).disk.files, path);
    // Windows shows a folder with its drive and where it is, whatever it was given.
    partition.folders.push(join(await realpath(dirname(path)), basename(path)));
  }

  async removeFolder(diskNumber: number, number: number, path: string): Promise<void> {
    const { folders } = this.partition(diskNumber, number);
    if (!folders.includes(path)) throw new Error(`The access path ${path} is not valid.`);
    folders.splice(folders.indexOf(path), 1);
    await rm(path);
    await mkdir(path);
  }

  setOffline(at: AttachedDisk, isOffline: boolean): void {
    if (isOffline && at.disk.partitions.some(({ folders }) => folders.length > 0))
      throw new Error("the adapter takes no disk offline that is mounted");
    const twin = this.attached.find(
      (each) => each !== at && !each.isOffline && each.disk.guid === at.disk.guid,
    );
    if (!isOffline && at.disk.guid !== null && twin !== undefined) this.#signAgain(at);
    at.isOffline = isOffline;
  }

  /** Latin-1 text in a disk's own sectors. */
  async writeRaw(disk: ModelDisk, offset: number, text: string): Promise<void> {
    const file = await open(disk.rawFile, "r+");
    await file.write(text, offset, "latin1");
    await file.close();
  }

  /** A disk's own sectors as Latin-1 text. */
  async readRaw(disk: ModelDisk, offset: number, lengthBytes: number): Promise<string> {
    const file = await open(disk.rawFile, "r");
    const { buffer } = await file.read(Buffer.alloc(lengthBytes), 0, lengthBytes, offset);
    await file.close();
    return buffer.toString("latin1");
  }

  writtenBytes({ disk }: AttachedDisk): number {
    const names = existsSync(disk.files) ? readdirSync(disk.files) : [];
    return names.reduce((sum, name) => sum + statSync(join(disk.files, name)).size, 0);
  }

  /** Windows shows one GUID once: it gives the disk and its partitions others, and needs to write them. */
  #signAgain({ disk, isReadOnly }: AttachedDisk): void {
    if (isReadOnly) throw new Error("The media is write protected.");
    disk.guid = this.#aGuid();
    for (const partition of disk.partitions) partition.guid = this.#aGuid();
  }

  #aPartition(number: number, type: string, offset: number, size: number): ModelPartition {
    const guid = this.#aGuid();
    return {
      number,
      type,
      offset,
      size,
      guid,
      folders: [],
      letter: "",
      fileSystem: "",
      clusterBytes: 4096,
      states: ["OK"],
      openFiles: 0,
    };
  }

  #aGuid(): string {
    this.#made += 1;
    return `0f1e2d3c-4b5a-4678-8796-${String(this.#made).padStart(12, "0")}`;
  }

  /** What lies before the data partition, and all that the adapter reads of a raw disk but its end. */
  async #copyStart(source: ModelDisk, copy: ModelDisk): Promise<void> {
    const from = await open(source.rawFile, "r");
    const to = await open(copy.rawFile, "r+");
    const start = Buffer.alloc(START_BYTES);
    await from.read(start, 0, start.length, 0);
    await to.write(start, 0, start.length, 0);
    await from.close();
    await to.close();
  }

  /** The two tables of a GPT. */
  async #dirtyEnds(disk: ModelDisk): Promise<void> {
    await this.writeRaw(disk, 512, "EFI PART");
    await this.writeRaw(disk, disk.size - 512, "EFI PART");
  }
}

/** The path of a partition's volume. */
export function volumePath({ guid }: ModelPartition): string {
  return `\\\\?\\Volume{${guid}}\\`;
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`No ${what} exists.`);
  return value;
}
