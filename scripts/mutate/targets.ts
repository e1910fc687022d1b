/** Sources in which every rule should be held by a test, and how many of their mutants must be killed. */
export interface Target {
  readonly name: string;
  /** Globs, relative to the project. Tests and their builders are left out. */
  readonly files: readonly string[];
  /** Of the mutants that are not known to be equivalent, in percent. */
  readonly killedMin: number;
}

/** What `npm run mutate` changes. */
export const targets: readonly Target[] = [
  { name: "plans and record steps", files: ["src/core/plan/*.ts"], killedMin: 100 },
  { name: "host rules", files: ["src/core/host/*.ts"], killedMin: 90 },
  { name: "release check", files: ["src/reconcile/release-check.ts"], killedMin: 90 },
  {
    name: "fence and attach batches",
    files: ["src/provisioner/{fence-batch,attach-batch,vm-update,updates-under-way,updates-memory,prove-vanished}.ts"],
    killedMin: 90,
  },
  {
    name: "fencing and settling",
    files: ["src/reconcile/{fence,others-detach,settle-vms,confirm-vanished}.ts"],
    killedMin: 90,
  },
  {
    name: "staging and clean checks",
    files: [
      "src/node/{stage-volume,prepare-file-system,hold-volume,wait-for-device,publish-volume,unstage-volume}.ts",
      "src/node/{show-clean,own-volumes,where-to-look,find-unnoted-mounts,answer-recall,store-memory}.ts",
    ],
    killedMin: 90,
  },
];

/** The tests that judge, as far as they load the changed file. Those that wait for real programs or clocks are left out. */
export const judgingTests: readonly string[] = [
  "src/{core,node,provisioner,reconcile}/**/*.test.ts",
  "src/csi/**/*.test.ts",
  "test/contract/cloud-provisioner.test.ts",
  "test/provisioner/{detach-left-behind,disk-identity,lying-azure,node-resolution,stale-reads,vm-queues}.test.ts",
];

/** Titles of tests in these files that wait for a real clock: the same contract is held on a virtual one. */
export const waitingTests = /over TLS/u;

/** The models of the protocols, which judge what they run. */
export const judgingModels = "sim/model/judgements.ts";
