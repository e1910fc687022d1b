import { existsSync } from "node:fs";
import * as z from "zod";
import type { PowerShell, StorageAnswer, StorageCall } from "../../../src/adapters/windows/storage-call.ts";
import { ok } from "../../../src/core/failure/result.ts";
import { type ModelPartition, volumePath, type WindowsMachine } from "./windows-machine.ts";

type Row = Readonly<Record<string, unknown>>;
type Handler = (machine: WindowsMachine, parameters: unknown) => Promise<readonly Row[]>;

const MIB = 1024 * 1024;
const UNIQUE_ID = z.string().regex(/^60022480\d{24}$/u);
const VOLUME = z.string().regex(/^\\\\\?\\Volume\{[-\da-f]{36}\}\\$/u);
const number = z.number().int().nonnegative();
/** The numbers that the management classes of Windows have for names. */
const STYLES = { RAW: 0, MBR: 1, GPT: 2 } as const;
const BUSES = { SAS: 10, NVMe: 17 } as const;
const STATES: Readonly<Record<string, number>> = {
  Unknown: 0,
  OK: 2,
  Degraded: 3,
  "Scan Needed": 0xd00d,
  "Spot Fix Needed": 0xd00e,
  "Full Repair Needed": 0xd00f,
};
const WORKER = "powershell.exe -NoLogo -Command # azuredisk-host-worker";

/**
 * The cmdlets of Windows that the adapter uses, each with the parameter sets that Microsoft documents, as far
 * as the adapter needs them. Everything else is an error.
 */
const cmdlets: Readonly<Record<string, Handler>> = {
  "Get-Disk": cmdlet(z.strictObject({}), async (machine) => [
    aSystemDisk(0, 0, true),
    aSystemDisk(1, 1, false),
    ...machine.shownBy("Get-Disk").map(({ number: at, lun, bus, disk, isOffline, isReadOnly }) => ({
      Number: at,
      UniqueId: disk.uniqueId,
      ...addressOf(bus, lun),
      BusType: BUSES[bus],
      Size: disk.size,
      PartitionStyle: STYLES[disk.style],
      IsOffline: isOffline,
      IsReadOnly: isReadOnly,
      IsBoot: false,
      IsSystem: false,
      ...machine.odd.get(at),
    })),
    ...machine.otherRows.map((row) => ({ ...aSystemDisk(9, 9, false), ...row })),
  ]),
  "Set-Disk": cmdlet(
    z.union([
      z.strictObject({ UniqueId: UNIQUE_ID, IsOffline: z.boolean() }),
      z.strictObject({ UniqueId: UNIQUE_ID, IsReadOnly: z.boolean() }),
    ]),
    async (machine, parameters) => {
      const at = machine.byUniqueId(parameters.UniqueId);
      if ("IsOffline" in parameters) machine.setOffline(at, parameters.IsOffline);
      else at.isReadOnly = parameters.IsReadOnly;
      machine.updateCacheOf(at);
      return [];
    },
  ),
  "Initialize-Disk": cmdlet(
    z.strictObject({ UniqueId: UNIQUE_ID, PartitionStyle: z.literal("GPT") }),
    async (machine, { UniqueId }) => {
      const at = machine.byUniqueId(UniqueId);
      await machine.initialize(at);
      machine.updateCacheOf(at);
      return [];
    },
  ),
  "Clear-Disk": cmdlet(
    z.strictObject({
      UniqueId: UNIQUE_ID,
      RemoveData: z.literal(true),
      RemoveOEM: z.literal(true),
      Confirm: z.literal(false),
    }),
    async (machine, { UniqueId }) => {
      const at = machine.byUniqueId(UniqueId);
      machine.clear(at);
      machine.updateCacheOf(at);
      return [];
    },
  ),
  "Get-Partition": cmdlet(z.strictObject({}), async (machine) => [
    ...machine
      .shownBy("Get-Partition")
      .filter(({ isOffline }) => !isOffline)
      .flatMap(({ number: DiskNumber, disk }) =>
        disk.partitions.map((partition) => ({
          DiskNumber,
          PartitionNumber: partition.number,
          Offset: partition.offset,
          Size: partition.size,
          GptType: partition.type,
          AccessPaths: accessPathsOf(partition),
          ...machine.oddPartitions.get(DiskNumber),
        })),
      ),
    ...machine.otherPartitions.map((row) => ({ ...A_SYSTEM_PARTITION, ...row })),
  ]),
  "New-Partition": cmdlet(
    z.strictObject({ DiskNumber: number, Offset: number, UseMaximumSize: z.literal(true) }),
    async (machine, { DiskNumber, Offset }) => {
      machine.addPartition(DiskNumber, Offset);
      machine.updateCacheOf(machine.online(DiskNumber));
      return [];
    },
  ),
  "Set-Partition": cmdlet(
    z.strictObject({ DiskNumber: number, PartitionNumber: number, NoDefaultDriveLetter: z.literal(true) }),
    async (machine, { DiskNumber, PartitionNumber }) => {
      machine.partition(DiskNumber, PartitionNumber);
      return [];
    },
  ),
  "Resize-Partition": cmdlet(
    z.strictObject({ DiskNumber: number, PartitionNumber: number, Size: number }),
    async (machine, { DiskNumber, PartitionNumber, Size }) => {
      const partition = machine.partition(DiskNumber, PartitionNumber);
      const { partitions, size } = machine.online(DiskNumber).disk;
      const behind = partitions.map(({ offset }) => offset).filter((offset) => offset > partition.offset);
      // A GPT has its second table in the last 33 sectors.
      const end = Math.min(size - 33 * 512, ...behind);
      // NTFS numbers its clusters with 32 bits.
      const clusters = Size / partition.clusterBytes;
      if (partition.fileSystem === "NTFS" && clusters > 0xffff_ffff)
        throw new Error("the number of clusters will exceed the maximum number of clusters supported");
      if (Size > end - partition.offset || Math.abs(Size - partition.size) < MIB)
        throw new Error("Size Not Supported");
      partition.size = Size;
      machine.updateCacheOf(machine.online(DiskNumber));
      return [];
    },
  ),
  "Add-PartitionAccessPath": cmdlet(
    z.strictObject({ DiskNumber: number, PartitionNumber: number, AccessPath: z.string() }),
    async (machine, { DiskNumber, PartitionNumber, AccessPath }) => {
      await machine.addFolder(DiskNumber, PartitionNumber, AccessPath);
      machine.updateCacheOf(machine.online(DiskNumber));
      return [];
    },
  ),
  "Remove-PartitionAccessPath": cmdlet(
    z.strictObject({ DiskNumber: number, PartitionNumber: number, AccessPath: z.string() }),
    async (machine, { DiskNumber, PartitionNumber, AccessPath }) => {
      await machine.removeFolder(DiskNumber, PartitionNumber, AccessPath);
      machine.updateCacheOf(machine.online(DiskNumber));
      return [];
    },
  ),
  "Get-Volume": cmdlet(z.strictObject({ Path: VOLUME }), async (machine, { Path }) => {
    const { at, partition } = machine.volume(Path);
    return [
      {
        FileSystem: partition.fileSystem,
        OperationalStatus: partition.states.map((state) => STATES[state] ?? state),
        Size: partition.size,
        SizeRemaining: partition.size - machine.writtenBytes(at),
      },
    ];
  }),
  "Format-Volume": cmdlet(
    z.strictObject({ Path: VOLUME, FileSystem: z.enum(["NTFS", "ReFS"]), Confirm: z.literal(false) }),
    async (machine, { Path, FileSystem }) => {
      await machine.format(Path, FileSystem);
      return [];
    },
  ),
  "Repair-Volume": cmdlet(
    z.union([
      z.strictObject({ Path: VOLUME, Scan: z.literal(true) }),
      z.strictObject({ Path: VOLUME, SpotFix: z.literal(true) }),
      z.strictObject({ Path: VOLUME, OfflineScanAndFix: z.literal(true) }),
    ]),
    async (machine, { Path, ...kind }) => {
      const { partition } = machine.volume(Path);
      const next = { Scan: "Spot Fix Needed", SpotFix: "OK", OfflineScanAndFix: "OK" };
      const step = Object.keys(kind).join();
      if (!partition.states.includes("Unknown")) partition.states = [next[step as keyof typeof next]];
      return [{ Value: "NoErrorsFound" }];
    },
  ),
  "Write-VolumeCache": cmdlet(z.strictObject({ Path: VOLUME }), async (machine, { Path }) => {
    machine.volume(Path);
    return [];
  }),
  "Update-HostStorageCache": cmdlet(z.strictObject({}), async (machine) => {
    machine.updateCache();
    return [];
  }),
  "Get-Item": cmdlet(
    z.strictObject({
      LiteralPath: z.string(),
      Force: z.literal(true),
      ErrorAction: z.literal("SilentlyContinue"),
    }),
    // A folder of a volume that is gone is a link that leads nowhere here.
    async (_, { LiteralPath }) => (existsSync(LiteralPath) ? [{ Attributes: 0x10 }] : []),
  ),
  "Get-CimInstance": cmdlet(
    z.union([
      z.strictObject({ ClassName: z.literal("Win32_PerfRawData_PerfDisk_PhysicalDisk") }),
      z.strictObject({
        ClassName: z.literal("Win32_Process"),
        Filter: z.string().regex(/^Name = 'powershell\.exe' OR ProcessId = \d+$/u),
      }),
      z.strictObject({
        Query: z.string().regex(/^SELECT BlockSize FROM Win32_Volume WHERE DeviceID = '[^']+'$/u),
      }),
    ]),
    async (machine, parameters) => {
      if ("Query" in parameters)
        return [{ BlockSize: machine.volume(volumeInQuery(parameters.Query)).partition.clusterBytes }];
      return parameters.ClassName === "Win32_Process"
        ? [
            ...[...machine.plugins].flatMap((id) => [
              aProcess({ id, parent: 4, createdAtMs: id, commandLine: "node.exe azuredisk-csi-driver.cjs" }),
              aProcess({ id: id + 1, parent: id, createdAtMs: id, commandLine: WORKER }),
            ]),
            ...machine.orphans.map((orphan) => aProcess({ ...orphan, id: 7, commandLine: WORKER })),
          ]
        : machine.attached.map((at) => ({
            Name: String(at.number),
            DiskWriteBytesPersec: machine.writtenBytes(at),
          }));
    },
  ),
  "Invoke-CimMethod": cmdlet(
    z.strictObject({
      Query: z
        .string()
        .regex(/^SELECT \* FROM Win32_Volume WHERE DeviceID = '\\\\\\\\\?\\\\Volume\{[-\da-f]{36}\}\\\\'$/u),
      MethodName: z.literal("Dismount"),
      Arguments: z.strictObject({ Force: z.literal(false), Permanent: z.literal(false) }),
    }),
    async (machine, { Query }) => {
      const { partition } = machine.volume(volumeInQuery(Query));
      return [{ ReturnValue: partition.openFiles > 0 ? 4 : 0 }];
    },
  ),
};

/** The cmdlets that it has. */
export const doubledCmdlets: readonly string[] = Object.keys(cmdlets);

/** A PowerShell that runs cmdlets on a modelled machine. Calls and answers are copied as JSON. */
export function createPowerShellDouble(machine: WindowsMachine): PowerShell {
  return {
    call: async (given) => ok(overTheWire(await answer(machine, overTheWire(given)))),
    close: () => {},
  };
}

async function answer(
  machine: WindowsMachine,
  { cmdlet: name, parameters, select }: StorageCall,
): Promise<StorageAnswer> {
  machine.calls.push({ cmdlet: name, parameters });
  const handler = cmdlets[name];
  if (handler === undefined) throw new Error(`the double knows no cmdlet ${name}`);
  if (machine.pause?.cmdlet === name) {
    const { until, reached } = machine.pause;
    machine.pause = undefined;
    reached();
    await until;
  }
  if (machine.refused === name) {
    machine.refused = undefined;
    return { ok: false, error: "The device is not ready." };
  }
  try {
    const rows = await handler(machine, parameters);
    if (machine.hold?.cmdlet === name) {
      const { until, reached } = machine.hold;
      machine.hold = undefined;
      reached();
      await until;
    }
    return { ok: true, rows: rows.map((row) => selected(name, row, select)) };
  } catch (error) {
    if (error instanceof z.ZodError) throw new Error(`${name} has no such parameter set: ${error.message}`);
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

function selected(name: string, row: Row, select: readonly string[]): Row {
  return Object.fromEntries(
    select.map((property) => {
      if (!(property in row)) throw new Error(`${name} answers no property ${property}`);
      return [property, row[property]];
    }),
  );
}

function cmdlet<Schema extends z.ZodType>(
  schema: Schema,
  run: (machine: WindowsMachine, parameters: z.infer<Schema>) => Promise<readonly Row[]>,
): Handler {
  return async (machine, parameters) => run(machine, schema.parse(parameters));
}

/** The path of the volume that a query names. WQL escapes a backslash by another one. */
function volumeInQuery(text: string): string {
  return /'(.*)'$/u.exec(text)?.[1]?.replaceAll("\\\\", "\\") ?? "";
}

function aProcess(process: {
  readonly id: number;
  readonly parent: number;
  readonly createdAtMs: number;
  readonly commandLine: string;
}): Row {
  return {
    ProcessId: process.id,
    ParentProcessId: process.parent,
    CreationDate: `/Date(${process.createdAtMs})/`,
    CommandLine: process.commandLine,
  };
}

function overTheWire<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function accessPathsOf(partition: ModelPartition): readonly string[] | null {
  if (partition.type !== "{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}") return null;
  const letters = partition.letter === "" ? [] : [`${partition.letter}:\\`];
  return [...letters, ...partition.folders.map((path) => `${path}/`), volumePath(partition)];
}

function addressOf(bus: "SAS" | "NVMe", lun: number): Row {
  const digits = (at: number): string => at.toString(16).padStart(6, "0");
  return bus === "SAS"
    ? {
        Location: `Integrated : Adapter 3 : Port 0 : Target 0 : LUN ${lun}`,
        Path: `\\\\?\\scsi#disk&ven_msft&prod_virtual_disk#5&23db5f40&0&${digits(lun)}#{53f56307}`,
      }
    : {
        Location: "Integrated : Bus 12606208 : Device 0 : Function 0 : Adapter 0",
        Path: `\\\\?\\scsi#disk&ven_nvme&prod_msft_nvme_accele#6&ca10229&0&${digits(lun + 1)}#{53f56307}`,
      };
}

const A_SYSTEM_PARTITION: Row = {
  DiskNumber: 0,
  PartitionNumber: 4,
  Offset: 64 * MIB,
  Size: MIB,
  GptType: "{de94bba4-06d1-4d40-a16a-bfd50179d6ac}",
  AccessPaths: null,
};

function aSystemDisk(number: number, lun: number, isBoot: boolean): Row {
  return {
    Number: number,
    UniqueId: `system-${number}`,
    Location: `Integrated : Adapter 0 : Port 0 : Target 0 : LUN ${lun}`,
    Path: `\\\\?\\scsi#disk&ven_msft&prod_virtual_disk#5&1&0&00000${lun}#{53f56307}`,
    BusType: BUSES.SAS,
    Size: 128 * 1024 * MIB,
    PartitionStyle: isBoot ? STYLES.GPT : STYLES.MBR,
    IsOffline: false,
    IsReadOnly: false,
    IsBoot: isBoot,
    IsSystem: isBoot,
  };
}
