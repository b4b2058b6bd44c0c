// Package plugintest is package pulltest without a framework: what the packages
// for Echo v4 and Echo v5 have in common. They have the documentation.
package plugintest
