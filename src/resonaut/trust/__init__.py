"""Sections that ask how far a network can be trusted: what the workflow knows of each, a module per section.

An entry of such a section is one rule with one JSON result, one table and one figure. A module of this
package says, for the section of its name, what an entry reads: see `plan`. Nothing slow is imported.
"""
