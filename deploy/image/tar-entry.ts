/** The source of the bytes of a file in a tar archive. */
export type TarContent =
  | { readonly kind: "Bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "Disk"; readonly path: string; readonly sizeBytes: number };

interface Owned {
  /** Path inside the archive: relative, without a leading or trailing slash. */
  readonly path: string;
  /** Default: root. */
  readonly uid?: number;
  /** Default: root. */
  readonly gid?: number;
}

/** One member of a tar archive. It has no time, since every member of our archives has the same. */
export type TarEntry =
  | (Owned & { readonly kind: "Folder"; readonly mode: number })
  | (Owned & { readonly kind: "File"; readonly mode: number; readonly content: TarContent })
  | (Owned & { readonly kind: "SymbolicLink"; readonly target: string })
  /** A second name of a file earlier in the archive; `target` is that file's path in the archive. */
  | (Owned & { readonly kind: "HardLink"; readonly target: string });
