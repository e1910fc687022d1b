/**
 * What a kubelet finds in its folders when it starts. It outlives the kubelet and boots, and goes with the
 * machine.
 */
export interface KubeletFiles {
  /** Volumes that may be staged. */
  readonly stagings: Set<string>;
  /** Pods that a volume may be published for, by uid, and which. */
  readonly targets: Map<string, string>;
  /**
   * Pods whose volume has been published and is not being unpublished, by uid, and which volume. Of this
   * boot of the machine.
   */
  readonly published: Map<string, string>;
  /** Which volume each name stands for (`vol_data.json`): cleaning up takes no API server. */
  readonly volumes: Map<string, { readonly volumeId: string; readonly access: "mount" | "block" }>;
}

/** The folders of a new machine. */
export function createKubeletFiles(): KubeletFiles {
  return { stagings: new Set(), targets: new Map(), published: new Map(), volumes: new Map() };
}

const ROOT = "/var/lib/kubelet";
const CSI = "kubernetes.io/csi";

/** Where a volume is staged: one place for all pods of the node. */
export function stagingPathOf(volumeName: string, access: "mount" | "block"): string {
  return access === "block"
    ? `${ROOT}/plugins/${CSI}/volumeDevices/staging/${volumeName}`
    : `${ROOT}/plugins/${CSI}/disk.csi.azure.com/${volumeName}/globalmount`;
}

/** Where a volume is published for a pod. */
export function targetPathOf(volumeName: string, podUid: string, access: "mount" | "block"): string {
  return access === "block"
    ? `${ROOT}/plugins/${CSI}/volumeDevices/publish/${volumeName}/${podUid}`
    : `${ROOT}/pods/${podUid}/volumes/kubernetes.io~csi/${volumeName}/mount`;
}
