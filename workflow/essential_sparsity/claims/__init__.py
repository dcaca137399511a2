"""The paper's claims as data, and their verdicts: is each borne out by the tables of a study?"""
