/** Sources in which a test should cover every rule, and how many of their mutants must be killed. */
export interface Target {
  readonly name: string;
  /** Globs, relative to the project. Tests and their builders are left out. */
  readonly files: readonly string[];
  /** Of the mutants that are not known to be equivalent, in percent. */
  readonly killedMin: number;
}

/** The targets of `npm run mutate`. */
export const targets: readonly Target[] = [
  {
    name: "plans and record steps",
    files: [
      "src/core/{writer,attachment,election,rollback}/**/*.ts",
      "src/core/volume/**/plan-*.ts",
      "src/core/node/**/plan-*.ts",
    ],
    killedMin: 100,
  },
  { name: "host rules", files: ["src/core/node/**/!(plan-*|node-taints).ts"], killedMin: 90 },
  { name: "release check", files: ["src/controller/writer/release-check.ts"], killedMin: 90 },
  {
    name: "fence and attach batches",
    files: [
      "src/provisioner/vm/{fence-batch,attach-batch,vm-update,updates-under-way,updates-memory,prove-gone}.ts",
    ],
    killedMin: 90,
  },
  {
    name: "fencing and write barriers",
    files: ["src/controller/fencing/{fence-reconciler,foreign-detach,barrier-reconciler,ask-if-gone}.ts"],
    killedMin: 90,
  },
  {
    name: "staging and clean checks",
    files: [
      "src/node/stage/{stage-volume,prepare-file-system,wait-for-grant-and-attach,publish-volume,unstage-volume}.ts",
      "src/node/writer/{acquire-volume,release-volume,check-held,verify-clean,clean-check-target,rollback-detector}.ts",
      "src/node/care/{volume-reconciler,find-untracked-mounts,answer-recall}.ts",
    ],
    killedMin: 90,
  },
];

/**
 * The tests that judge, as far as they load the changed file. Tests that wait for real programs or clocks
 * are left out.
 */
export const judgingTests: readonly string[] = [
  "src/{core,node,provisioner,runtime,objects,controller}/**/*.test.ts",
  "src/csi/**/*.test.ts",
  "test/contract/cloud-provisioner.test.ts",
  "test/provisioner/{detach-left-behind,disk-identity,lying-azure,node-resolution,stale-reads,vm-queues}.test.ts",
];

/**
 * Titles of tests in these files that wait for a real clock. The same contract is tested on a virtual one.
 */
export const waitingTests = /over TLS/u;

/** The protocol models, which judge the code that they run. */
export const judgingModels = "sim/model/judgements.ts";
