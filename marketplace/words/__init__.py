"""What others say in codes, figures or English, in the reader's language: one module for each that speaks.

`cores` for the grid's pure cores, `gate` for its check of a trade, `protocol` for refusals of the channel protocol and of
agents, `backoffice` for the back office's library, `sign_in` for that of accounts, `scripts` for what scripts say. An app's own words stand in the app; how
figures and times are written stands in `marketplace.formats`. docs/words.md tells when to use which.
"""
