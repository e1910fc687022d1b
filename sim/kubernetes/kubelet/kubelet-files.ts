/** A kubelet's folders. They outlive the kubelet and reboots, and are lost with the machine's OS disk. */
export interface KubeletFiles {
  /** Volumes that may be staged. */
  readonly stagings: Set<string>;
  /** Pods for which a volume may be published, by uid, and which volume. */
  readonly targets: Map<string, string>;
  /**
   * Pods whose volume has been published and is not being unpublished, by uid, and which volume. Of this
   * boot of the machine.
   */
  readonly published: Map<string, string>;
  /** The volume of each name (`vol_data.json`): cleaning up needs no API server. */
  readonly volumes: Map<
    string,
    { readonly volumeId: string; readonly access: "mount" | "block"; readonly isShared: boolean }
  >;
}

/** The folders on a new OS disk. */
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
