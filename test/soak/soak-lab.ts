import { type Lab, type LabOptions, startLab } from "../../demo/lab/lab.ts";
import { connectPatiently } from "../../demo/lab/patient-csi.ts";
import { type PatientOrchestrator, patientOrchestrator } from "./patient-orchestrator.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
  { name: "node-c", zone: "1" },
  { name: "node-d", zone: "2" },
];
const HEARTBEAT_MS = 300;
/** 240 s and 30 s at Azure's own pace: how long detaches may take is times the lab's factor, too. */
const FORCE_AFTER_MS = 240_000;
const FENCE_REGULAR_MS = 30_000;

/** A lab whose orchestrator outlives the store. */
export interface SoakLab extends Lab {
  readonly orchestrator: PatientOrchestrator;
}

/** Starts a lab of three nodes in one zone and one in another, and two controllers. */
export async function soakLab(of: Pick<LabOptions, "timeScale" | "signal">): Promise<SoakLab> {
  const lab = await startLab({
    ...of,
    vms,
    hasDevices: true,
    losesPower: true,
    controllerCount: 2,
    connect: connectPatiently,
    controllerFlags: [
      `--heartbeat-stale-ms=${HEARTBEAT_MS * 5}`,
      "--recall-answer-ms=500",
      `--force-detach-after-ms=${Math.max(1_000, Math.round(FORCE_AFTER_MS * of.timeScale))}`,
      `--fence-regular-detach-ms=${Math.round(FENCE_REGULAR_MS * of.timeScale)}`,
      "--lease-duration-ms=3000",
      "--lease-renew-deadline-ms=2000",
      "--lease-retry-period-ms=300",
    ],
    nodeFlags: [`--heartbeat-ms=${HEARTBEAT_MS}`],
  });
  return { ...lab, orchestrator: await patientOrchestrator(lab, of.signal) };
}
