/** Azure's limits of one resource: how many tags, and the characters of their names and values. */
export const TAGS_MAX = 50;
export const TAG_NAME_MAX_CHARS = 512;
export const TAG_VALUE_MAX_CHARS = 256;
