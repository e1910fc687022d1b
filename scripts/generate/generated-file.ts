/** One file that `npm run generate` writes. */
export interface GeneratedFile {
  /** Path from the repository's root, with forward slashes. */
  readonly path: string;
  readonly content: string;
}
