import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { runCommand } from "../../../scripts/child/run-command.ts";
import { openNodeShells } from "../../../testbed/lab/cluster/open-node-shells.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";
import type { StorageSpecs } from "../../../testbed/parts/build-storage-specs.ts";
import { readGinkgoReport, type Spec } from "../../csi-sanity/ginkgo-report.ts";

/** Which specs run, and for which volumes. */
export interface StorageSpecsRun {
  /** Of the StorageClass that each spec copies. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Of the VolumeAttributesClass to which specs modify volumes. */
  readonly attributes: Readonly<Record<string, string>>;
  /** What the class's volumes can do beside what all volumes can, as the specs call it. */
  readonly capabilities: readonly string[];
  /** Specs that run at a time. */
  readonly processes: number;
  /** Specs whose name matches it run. */
  readonly focus: RegExp;
  /** Of these, those whose name matches it don't. */
  readonly skip: RegExp;
  readonly timeoutS: number;
  readonly signal: AbortSignal;
}

const DRIVER = "disk.csi.azure.com";
/** What any volume of the driver can do. */
const CAPABILITIES = [
  "persistence",
  "block",
  "fsGroup",
  "exec",
  "snapshotDataSource",
  "pvcDataSource",
  "multipods",
  "controllerExpansion",
  "nodeExpansion",
  "offlineExpansion",
  "volumeLimits",
  "topology",
  "readWriteOncePod",
  "multiplePVsSameID",
];
/** Ginkgo ends after the specs that it stops. */
const STOP_MAX_S = 120;

/** Runs Kubernetes' specs of CSI drivers on a lab with the driver. Throws if they gave no report. */
export async function runStorageSpecs(
  lab: Lab,
  { ginkgo, program, images, nodeShell }: StorageSpecs,
  { parameters, attributes, capabilities, processes, focus, skip, timeoutS, signal }: StorageSpecsRun,
): Promise<readonly Spec[]> {
  for (const image of images) await lab.registry.add(image, basename(image));
  await using shells = await openNodeShells(lab, nodeShell, signal);
  const folder = await mkdtemp(join(tmpdir(), "storage-specs-"));
  const written = async (name: string, object: object): Promise<string> => {
    const file = join(folder, `${name}.json`);
    await writeFile(file, JSON.stringify(object));
    return file;
  };
  try {
    const storageClass = await written("storage-class", {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "specs" },
      provisioner: DRIVER,
      parameters,
      allowVolumeExpansion: true,
      volumeBindingMode: "WaitForFirstConsumer",
    });
    const attributesClass = await written("attributes-class", {
      apiVersion: "storage.k8s.io/v1",
      kind: "VolumeAttributesClass",
      metadata: { name: "specs" },
      driverName: DRIVER,
      parameters: attributes,
    });
    const definition = await written("driver", {
      StorageClass: { FromFile: storageClass },
      SnapshotClass: { FromName: true },
      VolumeAttributesClass: { FromFile: attributesClass },
      DriverInfo: {
        Name: DRIVER,
        SupportedSizeRange: { Min: "1Gi", Max: "32Ti" },
        SupportedFsType: { "": {}, ext3: {}, ext4: {}, xfs: {}, btrfs: {} },
        SupportedMountOption: { noatime: {} },
        TopologyKeys: [`topology.${DRIVER}/zone`],
        StressTestOptions: { NumPods: 3, NumRestarts: 3 },
        VolumeSnapshotStressTestOptions: { NumPods: 2, NumSnapshots: 3 },
        VolumeModifyStressTestOptions: { NumPods: 2 },
        Capabilities: {
          onlineExpansion: false, // true by default
          ...Object.fromEntries([...CAPABILITIES, ...capabilities].map((name) => [name, true])),
        },
      },
    });
    const run = await runCommand(
      ginkgo,
      [
        `--procs=${processes}`,
        "--no-color",
        "--succinct",
        "--seed=1",
        `--timeout=${timeoutS}s`,
        "--json-report=report.json",
        `--output-dir=${folder}`,
        `--focus=External.Storage.*(?:${focus.source})`,
        `--skip=${skip.source}`,
        program,
        "--",
        `--kubeconfig=${lab.kubeconfig}`,
        // A cluster of no cloud, whose nodes have SSH.
        "--provider=local",
        `--storage.testdriver=${definition}`,
      ],
      {
        cwd: folder,
        env: {
          PATH: `${lab.parts.bin}:${process.env["PATH"] ?? ""}`,
          KUBE_SSH_USER: "root",
          KUBE_SSH_KEY_PATH: shells.keyFile,
        },
        timeoutMs: (timeoutS + STOP_MAX_S) * 1000,
        signal,
      },
    );
    try {
      return await readGinkgoReport(join(folder, "report.json"));
    } catch (error) {
      throw new Error(`Ginkgo wrote no report: ${run.output}`, { cause: error });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
