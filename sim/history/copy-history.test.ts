import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelDisk, type ModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import type { CreateVolumeRequest, VolumeContentSource } from "../../src/csi/gen/csi/v1/csi.ts";
import type { Disk } from "../../src/emulator/model/disk/disk.ts";
import type { Snapshot } from "../../src/emulator/model/disk/snapshot/snapshot.ts";
import { createAcknowledgedRecords, recordName } from "./acknowledged-records.ts";
import { type CopyHistory, createCopyHistory } from "./copy-history.ts";

const GROUP = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute";
const SOURCE = `${GROUP}/disks/vol-1`;
const SNAPSHOT = `${GROUP}/snapshots/snapshot-1`;
const COPY = `${GROUP}/disks/copy`;
const GIB = 1n << 30n;

const ofVolume: VolumeContentSource = { type: { $case: "volume", value: { volumeId: SOURCE } } };
const ofSnapshot: VolumeContentSource = { type: { $case: "snapshot", value: { snapshotId: SNAPSHOT } } };

interface MadeUp {
  readonly history: CopyHistory;
  readonly told: string[];
  /** Puts a disk or snapshot into Azure, with these records on it. */
  readonly put: (uri: string, records: readonly string[], changes?: Partial<Disk>, uuid?: string) => void;
  /** The source's containers have synced one more record. */
  readonly sync: (text: string) => void;
  readonly begin: (source: VolumeContentSource) => void;
  readonly answer: () => void;
  /** A container of the copy reads what is on its disk. */
  readonly read: () => void;
}

/** A volume and a snapshot of it, each with two records. */
function madeUp(): MadeUp {
  const told: string[] = [];
  const disks = new Map<string, Disk>();
  const snapshots = new Map<string, Snapshot>();
  const contents = new Map<string, ModelDisk>();
  const report = ({ invariant, detail }: { readonly invariant: string; readonly detail: string }): void =>
    void told.push(`${invariant}: ${detail}`);
  const records = createAcknowledgedRecords(report);
  const history = createCopyHistory({
    disks,
    snapshots,
    nowMs: () => 500,
    contentOf: (uri) => contents.get(uri),
    records,
    volumeNameOf: (uri) => uri.slice(uri.lastIndexOf("/") + 1),
    report,
  });
  const request = (
    source: VolumeContentSource,
  ): Pick<CreateVolumeRequest, "name" | "volumeContentSource" | "capacityRange"> => ({
    name: "copy",
    volumeContentSource: source,
    capacityRange: { requiredBytes: 4n * GIB, limitBytes: 0n },
  });
  let asked = request(ofVolume);
  const put: MadeUp["put"] = (uri, texts, changes = {}, uuid = "uuid-1") => {
    const content = { kind: "fileSystem", fsType: "ext4", uuid } as const;
    const disk = { ...createModelDisk({ diskUri: uri, sizeBytes: GIB }), content };
    for (const [number, text] of texts.entries()) disk.files.set(recordName(number), text);
    contents.set(uri, disk);
    const made = { id: uri, spec: { sizeGiB: 4 }, sizeGiB: 4, ...changes };
    if (uri === SNAPSHOT) snapshots.set(uri.toLowerCase(), made as unknown as Snapshot);
    else disks.set(uri.toLowerCase(), made as unknown as Disk);
  };
  let synced = 0;
  const sync: MadeUp["sync"] = (text) => {
    records.acknowledge({ volumeName: "vol-1", number: synced, text });
    synced += 1;
  };
  for (const text of ["a", "b"]) sync(text);
  put(SOURCE, ["a", "b"]);
  put(SNAPSHOT, ["a", "b"]);
  return {
    history,
    told,
    put,
    sync,
    begin: (source) => {
      asked = request(source);
      history.begins(asked);
    },
    answer: () =>
      history.answered(asked, {
        volumeId: COPY,
        capacityBytes: 4n * GIB,
        volumeContext: {},
        contentSource: undefined,
        accessibleTopology: [],
      }),
    read: () =>
      records.compare("copy", "copy-0", (number) => contents.get(COPY)?.files.get(recordName(number))),
  };
}

describe("createCopyHistory", () => {
  const good = [
    { because: "a clone of what was synced", source: ofVolume, copied: ["a", "b"] },
    { because: "a clone of what its source has synced since", source: ofVolume, copied: ["a", "b", "c"] },
    { because: "a clone with a record that was on its way", source: ofVolume, copied: ["a", "b", "lost"] },
    { because: "a restored snapshot", source: ofSnapshot, copied: ["a", "b"] },
  ];
  for (const { because, source, copied } of good)
    it(`finds nothing wrong with ${because}, of which a pod reads all`, () => {
      const made = madeUp();
      made.begin(source);
      made.sync("c");
      made.put(COPY, copied);
      made.answer();
      made.answer();
      made.read();
      assert.deepEqual(made.told, []);
    });

  const bad: readonly {
    readonly because: string;
    readonly source: VolumeContentSource;
    readonly act: (made: MadeUp) => void;
    readonly told: RegExp;
  }[] = [
    {
      because: "an empty disk",
      source: ofVolume,
      act: ({ put }) => put(COPY, []),
      told: /has 0 records, and its source had synced 2 before/u,
    },
    {
      because: "a clone from before the request",
      source: ofVolume,
      act: ({ put }) => put(COPY, ["a"]),
      told: /has 1 records, and its source had synced 2/u,
    },
    {
      because: "the records of another volume",
      source: ofVolume,
      act: ({ put }) => put(COPY, ["x", "y", "z"]),
      told: /has "x" where its source has "a" as record 0/u,
    },
    {
      because: "what a volume got after its snapshot",
      source: ofSnapshot,
      act: ({ put }) => put(COPY, ["a", "b", "c"]),
      told: /has 3 records, and its snapshot has 2/u,
    },
    {
      because: "another last record than the snapshot's",
      source: ofSnapshot,
      act: ({ put }) => put(COPY, ["a", "x"]),
      told: /has "x" where its source has "b" as record 1/u,
    },
    {
      because: "another file system",
      source: ofVolume,
      act: ({ put }) => put(COPY, ["a", "b"], {}, "uuid-2"),
      told: /uuid-2.*, and its source had .*uuid-1/u,
    },
    {
      because: "a copy that Azure has not made",
      source: ofVolume,
      act: ({ put }) => put(COPY, ["a", "b"], { provisioningState: "Creating" }),
      told: /Azure shows it as Creating/u,
    },
    { because: "no disk at all", source: ofVolume, act: () => undefined, told: /is not in Azure/u },
  ];
  for (const { because, source, act, told } of bad)
    it(`reports ${because}`, () => {
      const made = madeUp();
      made.begin(source);
      act(made);
      made.answer();
      assert.match(made.told.join("\n"), told);
      assert.equal(made.told.length, 1);
      assert.match(made.told[0] ?? "", /^copy-broken: copy /u);
    });

  const halfFilled = { copy: { startedAtMs: 0, endsAtMs: 1_000 } };
  for (const { because, copied, act, told } of [
    {
      because: "reports a source that is deleted while its copy is filled",
      copied: halfFilled,
      act: ({ answer, history }: MadeUp) => {
        answer();
        history.deletionBegins(SOURCE.toUpperCase());
      },
      told: [`copy-broken: copy is filled to 50 %, and its source ${SOURCE} is deleted`],
    },
    {
      because: "lets a source be deleted whose copy is filled",
      copied: {},
      act: ({ answer, history }: MadeUp) => {
        answer();
        history.deletionBegins(SOURCE);
      },
      told: [],
    },
    {
      because: "lets a source be deleted once the copy's own deletion has begun",
      copied: halfFilled,
      act: ({ answer, history }: MadeUp) => {
        answer();
        history.deletionBegins(SOURCE);
        history.deletionBegins(COPY);
      },
      told: [],
    },
    {
      because: "lets a source be deleted before its copy is answered",
      copied: halfFilled,
      act: ({ answer, history }: MadeUp) => {
        history.deletionBegins(SOURCE);
        answer();
        history.deletionBegins(SOURCE);
      },
      told: [],
    },
  ])
    it(because, () => {
      const made = madeUp();
      made.begin(ofVolume);
      made.put(COPY, ["a", "b"], copied);
      act(made);
      made.history.deleted(SOURCE);
      assert.deepEqual(made.told, told);
    });

  it("requires of each later pod what was on the copy, as if it had been synced there", () => {
    const made = madeUp();
    made.begin(ofVolume);
    made.put(COPY, ["a", "b", "c"]);
    made.sync("c");
    made.answer();
    made.put(COPY, ["a", "b"]);
    made.read();
    assert.match(made.told.join("\n"), /synced-data-lost: copy-0 reads nothing where record 2 of copy/u);
  });

  it("lets a copy be refused only where its source is gone, or larger", () => {
    const made = madeUp();
    const asked = (sizeGiB: bigint, volumeContentSource: VolumeContentSource | undefined) => ({
      name: "copy",
      volumeContentSource,
      capacityRange: { requiredBytes: sizeGiB * GIB, limitBytes: 0n },
    });
    const gone: VolumeContentSource = { type: { $case: "volume", value: { volumeId: COPY } } };
    assert.deepEqual(
      [
        made.history.mayRefuse(asked(4n, gone), "NOT_FOUND"),
        made.history.mayRefuse(asked(4n, ofVolume), "NOT_FOUND"),
        made.history.mayRefuse(asked(4n, undefined), "NOT_FOUND"),
        made.history.mayRefuse(asked(3n, ofSnapshot), "OUT_OF_RANGE"),
        made.history.mayRefuse(asked(4n, ofSnapshot), "OUT_OF_RANGE"),
        made.history.mayRefuse(asked(3n, ofSnapshot), "INVALID_ARGUMENT"),
      ],
      [true, false, false, true, false, false],
    );
  });
});
