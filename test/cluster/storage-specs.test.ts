import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { buildStorageSpecs, type StorageSpecs } from "../../testbed/parts/build-storage-specs.ts";
import { growsMountedExt } from "../contract/host/grows-mounted-ext.ts";
import { checkSpecs } from "../csi-sanity/check-specs.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { reasonAgainstKubernetes } from "./older-kubernetes.ts";
import { runStorageSpecs } from "./storage-specs/run-storage-specs.ts";

/** `STORAGE_SPECS=all`: every spec, for both classes: 50 minutes. */
const runsAll = process.env["STORAGE_SPECS"] === "all";
/** So that renamed specs don't disappear in silence. */
const RAN_MIN = runsAll ? 110 : 17;
const TIMEOUT_S = runsAll ? 7_200 : 1_200;

/** Subjects that no other test has. */
const CHOSEN = [
  "should mount multiple PV pointing to the same storage",
  "should provision correct filesystem size when restoring snapshot to larger size pvc",
  String.raw`should provision storage with (?:snapshot|pvc) data source \(ROX mode\)`,
  String.raw`xfs\)\] multiVolume should concurrently access the volume and (?:its clone|restored snapshot)`,
  String.raw`OnRootMismatch\).*, new pod with different fsgroup`,
  String.raw`default fs\) \(late-binding\)\] ephemeral should support multiple`,
  "existing directories when readOnly specified in the volumeSource",
  "unmount after the subpath directory is deleted",
  "should not mount / map unused volumes",
  "block a second pod from using an in-use ReadWriteOncePod volume",
  String.raw`Pre-provisioned Snapshot \(retain policy\)`,
  String.raw`immediate binding\)\] topology`,
];

/** They stop kubelets, so each runs alone. */
const DISRUPTIVE = String.raw`\[Disruptive\]`;
/** Specs that run at a time otherwise: they mostly wait for the kubelets. */
const PROCESSES = 5;

/** A pod is deleted while its kubelet is stopped, and the next one on that node reads what it wrote. */
const CHOSEN_DISRUPTIVE =
  "disruptive .* pod that is deleted while the kubelet is down is usable by a new pod when kubelet";

/** Specs that grow ext4, the default, in use. */
const MOUNTED_GROWTH = String.raw`default fs\).*(?:edited while pod is using it|expansion of pvcs created for ephemeral)`;

/**
 * They pull images that the lab lacks, measure a cloud's pace, modify claims before any pod has made them
 * bound, mount one file system on several nodes, write past the page cache with an option that busybox
 * lacks, or grow what this machine can't.
 */
const UNSERVED = [
  "any volume data source",
  "performance",
  "modify volumes with a different volumeAttributesClass",
  String.raw`default fs\)\] provisioning .*ROX mode`,
  String.raw`block volmode\)\] multiVolume should concurrently access the single volume from pods on the same`,
  ...(growsMountedExt() ? [] : [MOUNTED_GROWTH]),
];

/** Why a spec skips itself; any other reason is a defect. */
const SKIPS = [
  /doesn't support RWX/u,
  /does not support (?:ROX access mode|online volume expansion|snapshots) - skipping/u,
  /Filesystem volume case should be covered by block volume case/u,
  /[Bb]lock volumes do not support mount options|raw block volumes cannot be read-only/u,
  /skipping multiple PV mount test for block mode|not valid for Block volume mode/u,
  /volume type "\w+" is (?:not )?ephemeral/u,
  /VolumeBindingMode immediate is not compatible with a multi-topology environment/u,
  /Multiple generic ephemeral volumes with immediate binding may cause pod startup failures/u,
];

const CLASSES = [
  {
    name: "disks of one node",
    parameters: { skuName: "Premium_LRS" },
    capabilities: ["onlineExpansion"],
  },
  // A shared disk can be read on several nodes. Azure grows it only while no VM has it.
  {
    name: "disks with replicas",
    parameters: { skuName: "Premium_LRS", maxShares: "2" },
    capabilities: ["capReadOnlyMany"],
  },
] as const;

const SKIP = (await reasonAgainstLab()) ?? reasonAgainstKubernetes("1.37", "specs that are built") ?? false;

describe("Kubernetes' own specs of CSI drivers", { skip: SKIP }, () => {
  let lab: Lab;
  let specs: StorageSpecs;
  before(async () => {
    specs = await buildStorageSpecs(console.log, new AbortController().signal);
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  for (const { name, parameters, capabilities } of runsAll ? CLASSES : CLASSES.slice(-1))
    it(`hold for ${name}`, async (t) => {
      if (runsAll && !growsMountedExt())
        t.diagnostic("not run: growth of a mounted ext4, which takes CAP_SYS_RESOURCE");
      const common = {
        parameters,
        capabilities,
        attributes: { tags: "team=specs" },
        timeoutS: TIMEOUT_S,
        signal: t.signal,
      };
      const sideBySide = await runStorageSpecs(lab, specs, {
        ...common,
        processes: PROCESSES,
        focus: new RegExp(runsAll ? "" : CHOSEN.join("|"), "u"),
        skip: new RegExp([DISRUPTIVE, ...UNSERVED].join("|"), "u"),
      });
      const oneByOne = await runStorageSpecs(lab, specs, {
        ...common,
        processes: 1,
        focus: new RegExp(runsAll ? DISRUPTIVE : CHOSEN_DISRUPTIVE, "u"),
        skip: new RegExp(UNSERVED.join("|"), "u"),
      });
      const ran = [...sideBySide, ...oneByOne];
      // Others were not chosen.
      const chosen = ran.filter(({ state, message }) => state !== "skipped" || message !== "");
      await checkSpecs(t, chosen, { ranMin: RAN_MIN, skips: SKIPS });
    });
});
