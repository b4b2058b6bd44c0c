/** Of this file: the build puts a hash of its content here, so that pages and workers of different
 *  versions never meet. */
export const version = "@version"
